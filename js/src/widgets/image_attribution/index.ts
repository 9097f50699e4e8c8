import { widget } from "../../lib";
import "./style.css";
import type { Traits } from "./protocol";
import { ImageAttributionView } from "./view";

export default widget<Traits>("attrium-image-attribution", ImageAttributionView);
