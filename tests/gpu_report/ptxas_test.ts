/** NVIDIA's compiler: what its programs print, read, and what becomes of the text between them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { figuresOf, forPtxas, forSlang, lanesOf, withExactLanes } from "../../scripts/gpu_report/ptxas.ts";

const read = (name: string) =>
  Deno.readTextFileSync(join(import.meta.dirname!, "../fixtures/gpu_report", name));

Deno.test("ptxas: figures, and four multiply-adds among the 21 instructions of the loop", () => {
  const { shares, ...figures } = figuresOf(read("ptxas.txt"), read("sass.txt"), 64);
  assert.deepEqual(figures, { registers: 17, spills: 0, scratch: 0, occupancy: 64, instructions: 46 });
  assert.deepEqual(shares, { kernel: 4 / 46, loops: 4 / 21, innermost: 4 / 21 });
});

const used = (registers: number, shared: number) =>
  `1024 bytes stack frame, 40 bytes spill stores, 36 bytes spill loads\nUsed ${registers} registers, used 1 barriers, ${shared} bytes smem`;
for (
  const [registers, shared, lanes, occupancy] of [
    [133, 16384, 256, 8], // 136 registers of 256 lanes fill half of a multiprocessor and a little
    [128, 16384, 256, 16],
    [32, 16384, 256, 64],
    [32, 65536, 256, 24],
    [32, 1024, 64, 64],
  ] as const
) {
  Deno.test(`ptxas: ${registers} registers and ${shared} bytes: ${occupancy} warps`, () => {
    const figures = figuresOf(used(registers, shared), read("sass.txt"), lanes);
    assert.equal(figures.occupancy, occupancy);
    assert.deepEqual([figures.spills, figures.scratch], [10, 1024]);
  });
}

Deno.test("ptxas: what tells no registers is an error", () => {
  assert.throws(() => figuresOf("ptxas fatal", "", 64), /told no registers/);
});

Deno.test("a packed multiply-add counts two, and one that sets a register none", () => {
  const share = (line: string) => figuresOf(used(8, 0), `        /*0000*/  ${line} ;\n`, 64).shares!.kernel;
  assert.equal(share("HFMA2 R1, R2, R3, R1"), 2);
  assert.equal(share("HFMA2.MMA R9, -RZ, RZ, 0, 0"), 0);
  assert.equal(share("@!P0 FFMA R1, R2, R3, R1"), 1);
  assert.equal(share("IMAD R1, R2, R3, R1"), 0);
});

Deno.test("HLSL for Slang: vectors stay whole, nothing zeroes memory of the workgroup", () => {
  const hlsl =
    "[numthreads(8, 4, 2)]\n    slice = (float4[2][8])0;\n    x = asfloat(a.Load4(i)); b.Store2(i, y); c.Load(i);\n" +
    "    d = e.Load<half4>(i * 8); e.Store(i * 8, half4(d)); e.Store(i * 2, half(f));\n";
  assert.equal(lanesOf(hlsl), 64);
  assert.equal(
    forSlang(hlsl),
    "[numthreads(8, 4, 2)]\n    x = asfloat(a.Load4Aligned(i)); b.Store2Aligned(i, y); c.Load(i);\n" +
      "    d = e.LoadAligned<half4>(i * 8); e.StoreAligned(i * 8, half4(d)); e.Store(i * 2, half(f));\n",
  );
});

Deno.test("CUDA for ptxas: f16 is asked for, vectors are loaded and stored whole, parameters are constants, lanes are told", () => {
  const load =
    "T data;\n        memcpy(&data, ((const char*)this->data) + index, sizeof(T));\n        return data;";
  const store = "memcpy((char*)data + index, &value, sizeof(T));";
  assert.equal(
    forPtxas(
      "struct __align__(4) __half4\nSLANG_ParameterGroup_params_0* params_1;\n" +
        "uint n = __ldg(&(&globalParams_0->params_1->params_0)->keys_0);\n",
      64,
    ),
    "#define SLANG_CUDA_ENABLE_HALF 1\nstruct __align__(8) __half4\nSLANG_ParameterGroup_params_0 params_1;\n" +
      "uint n = globalParams_0->params_1.params_0.keys_0;\n",
  );
  assert.equal(
    forPtxas(`${load}\n${store}\nextern "C" __global__ void forward()`, 64),
    "#define SLANG_CUDA_ENABLE_HALF 1\nreturn *(const T*)((const char*)this->data + index);\n*(T*)((char*)data + index) = value;\n" +
      'extern "C" __global__ void __launch_bounds__(64) forward()',
  );
});

Deno.test("PTX for ptxas: a workgroup has as many lanes as WGSL says, not at most", () => {
  const entry = (lanes: string) => `.visible .entry forward()\n${lanes}{\n\tmov.u32 \t%r1, %ntid.x;\n}\n`;
  assert.equal(withExactLanes(entry(".maxntid 256, 1, 1\n")), entry(".reqntid 256, 1, 1\n"));
  assert.throws(() => withExactLanes(entry("")), /how many lanes/);
});
