/** The files that the kernel of every update rule is linked with. */
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import entries from "../../wgsl/optim/entries.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import lossScaled from "../../wgsl/optim/loss_scaled.wgsl" with { type: "text" };
import lossScaleState from "../../wgsl/optim/loss_scale_state.wgsl" with { type: "text" };
import unscaled from "../../wgsl/optim/unscaled.wgsl" with { type: "text" };

const SHARED = [entries, blocks, grid];
/** Where losses are not scaled, and where they are. */
export const PLAIN: readonly string[] = [unscaled, ...SHARED];
export const SCALED: readonly string[] = [lossScaled, lossScaleState, ...SHARED];
