/** The kinds of values that the keys of a configuration may hold. */
import * as z from "zod";

export const whole = z.int();
export const count = whole.min(1);
export const share = z.number().min(0).max(1);
export const rate = z.number().positive();
export const decay = z.number().min(0);
