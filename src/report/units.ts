/** Writes numbers as people read them. */

/** A number of bytes, such as `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(bytes < 10 ? 2 : bytes < 100 ? 1 : 0)} ${units[unit]}`;
}

/** A whole number with its thousands parted, such as `650,123`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A fraction as tables print it, such as `.725`; `1.000` and negative numbers keep their leading digit. */
export function formatShare(share: number | undefined): string {
  return share === undefined ? "-" : share.toFixed(3).replace(/^0\./, ".");
}

/** A duration, such as `1:05:09` or `2:31`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A learning rate, such as `2e-3`, `5e-4` or `0.1`. */
export function formatRate(rate: number): string {
  return rate >= 0.01 || rate === 0
    ? String(Number(rate.toPrecision(3)))
    : Number(rate.toPrecision(3)).toExponential();
}

/** `.705 to .779` */
export function formatInterval({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${formatShare(low)} to ${formatShare(high)}`;
}

/** Epochs trained, with at most two digits of one under way: `3`, `3.25`. */
export function formatEpoch(epoch: number): string {
  return String(Number(epoch.toFixed(2)));
}
