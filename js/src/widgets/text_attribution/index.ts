import { widget } from "../../lib";
import "./style.css";
import type { Traits } from "./protocol";
import { TextAttributionView } from "./view";

export default widget<Traits>("attrium-text-attribution", TextAttributionView);
