import { widget } from "../../lib";
import "./style.css";
import type { Traits } from "./protocol";
import { InsightsView } from "./view";

export default widget<Traits>("attrium-insights", InsightsView);
