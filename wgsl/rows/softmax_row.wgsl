// The weights exp(score - top) of a row, top being its largest score: nothing overflows, whatever the offset.
// Needs: a file that declares `score`; rows/row.wgsl, rows/by_four.wgsl or rows/by_one.wgsl, lib/workgroup.wgsl
const LOWEST: f32 = -3.4028234e38;
var<private> weights: array<Wide, STEPS>;

// Exactly 0 where e^d would leave the normal range: adapters differ there, and what is masked must weigh nothing. NaN, of
// which drivers may make a number, stays.
fn weight(d: Wide) -> Wide {
  let stays = (bitcast<Word>(d) & Word(0x7fffffffu)) > Word(0x7f800000u);
  return select(select(exp(d), Wide(0.0), d < Wide(-87.0)), d, stays);
}

// The largest score of a row and the sum of its weights; leaves the lane's part of them in `weights`.
fn softmax_row(row: u32, lane: u32) -> vec2f {
  var top = Wide(LOWEST);
  for (var step = 0u; step < STEPS; step++) {
    let pack = lane + step * WG;
    weights[step] = Wide(LOWEST);
    if (inside(pack)) { weights[step] = score(row, pack); }
    top = max(top, weights[step]);
  }
  let row_top = workgroup_max(lane, largest(top));
  var sum = Wide(0.0);
  for (var step = 0u; step < STEPS; step++) {
    weights[step] = select(Wide(0.0), weight(weights[step] - row_top), inside(lane + step * WG));
    sum += weights[step];
  }
  return vec2f(row_top, workgroup_sum(lane, total(sum)));
}
