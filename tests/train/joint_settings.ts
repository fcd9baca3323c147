/** What tiny configurations must say for methods that need encoders or widths of their own. */

/** A small encoder of images by convolutions. */
export const DENSENET = {
  model_type: "densenet",
  growth_rate: 4,
  block_config: [1, 1],
  num_init_features: 8,
  bn_size: 2,
  drop_rate: 0,
};

/** What the tiny configuration must say for a method. */
export const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  "cma-clip": ["model.options.width=16", "model.options.heads=2"],
  me: [`model.encoders.image=${JSON.stringify(DENSENET)}`, "model.options.attention_size=8"],
};
