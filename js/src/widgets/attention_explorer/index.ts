import { widget } from "../../lib";
import "./style.css";
import type { Traits } from "./protocol";
import { AttentionExplorerView } from "./view";

export default widget<Traits>("attrium-attention-explorer", AttentionExplorerView);
