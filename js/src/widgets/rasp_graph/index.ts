import { widget } from "../../lib";
import "./style.css";
import type { Traits } from "./protocol";
import { RaspGraphView } from "./view";

export default widget<Traits>("attrium-rasp-graph", RaspGraphView);
