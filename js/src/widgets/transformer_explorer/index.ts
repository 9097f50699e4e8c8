import { widget } from "../../lib";
import "./style.css";
import type { Traits } from "./protocol";
import { TransformerExplorerView } from "./view";

export default widget<Traits>("attrium-transformer-explorer", TransformerExplorerView);
