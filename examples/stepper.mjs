// Optimizers in JavaScript, put through flowlaw's test vectors (docs/vectors.md):
//
//     flowlaw fill --out vectors
//     flowlaw consume vectors -- node examples/stepper.mjs
//
// SGD and Adam as PyTorch has them. Messages: a line of JSON, then as many bytes of safetensors as its "bytes" says.
// BUG=dampened-first-step in the environment makes SGD wrong.

let waiting = Buffer.alloc(0);
let optimizer = null;

process.stdin.on("data", (chunk) => {
  waiting = Buffer.concat([waiting, chunk]);
  for (;;) {
    const end = waiting.indexOf(10);
    if (end < 0) return;
    const header = JSON.parse(waiting.subarray(0, end));
    if (waiting.length < end + 1 + header.bytes) return;
    const body = waiting.subarray(end + 1, end + 1 + header.bytes);
    waiting = waiting.subarray(end + 1 + header.bytes);
    answer(header, body);
  }
});

function answer(header, body) {
  if (header.request === "begin") {
    const lacks = unsupported(header);
    optimizer = { groups: header.groups, schedule: header.schedule, slots: {}, k: 0 };
    say(lacks ? { answer: "unsupported", reason: lacks } : { answer: "begin" });
  } else if (header.request === "advance") say({ answer: "advance" }, advance(read(body)));
  else say({ answer: "unsupported", reason: "this program has no SAM" });
}

function unsupported({ groups, transform, dtype }) {
  const other = groups.find(({ kind }) => !["sgd", "adam", "adamw"].includes(kind));
  if (other) return `this program has no ${other.kind}`;
  if (groups.some(({ amsgrad, first_step_damped }) => amsgrad || first_step_damped)) return "no such variant";
  return dtype !== "float64" ? "JavaScript computes in float64" : transform.kind === "none" ? "" : "no clipping";
}

function advance(tensors) {
  const after = {};
  const factor = optimizer.schedule[optimizer.k++];
  for (const group of optimizer.groups) {
    for (const name of group.tensors) {
      const gradient = tensors[`gradient:${name}`];
      after[name] = gradient ? stepped(name, group, group.lr * factor, tensors[name], gradient) : tensors[name];
    }
  }
  return after;
}

function stepped(name, h, rate, theta, gradient) {
  const first = !(name in optimizer.slots);
  const slot = (optimizer.slots[name] ??= { t: 0, v: theta.map(() => 0), m: theta.map(() => 0) });
  slot.t += 1;
  return theta.map((x, i) => {
    const inside = h.kind === "adamw" ? 0 : h.weight_decay * x;
    const d = (h.maximize ? -gradient[i] : gradient[i]) + inside;
    if (h.kind !== "sgd") {
      slot.m[i] = h.beta1 * slot.m[i] + (1 - h.beta1) * d;
      slot.v[i] = h.beta2 * slot.v[i] + (1 - h.beta2) * d * d;
      const root = Math.sqrt(slot.v[i]) / Math.sqrt(1 - h.beta2 ** slot.t) + h.eps;
      const kept = h.kind === "adamw" ? (1 - rate * h.weight_decay) * x : x;
      return kept - ((rate / (1 - h.beta1 ** slot.t)) * slot.m[i]) / root;
    }
    const damped = !first || process.env.BUG === "dampened-first-step";
    slot.v[i] = h.momentum * slot.v[i] + (damped ? 1 - h.dampening : 1) * d;
    if (!h.momentum) return x - rate * d;
    return x - rate * (h.nesterov ? d + h.momentum * slot.v[i] : slot.v[i]);
  });
}

function read(body) {
  const length = Number(body.readBigUInt64LE(0));
  const tensors = {};
  for (const [name, entry] of Object.entries(JSON.parse(body.subarray(8, 8 + length)))) {
    const [begin, end] = entry.data_offsets.map((offset) => 8 + length + offset);
    tensors[name] = Array.from({ length: (end - begin) / 8 }, (_, i) => body.readDoubleLE(begin + 8 * i));
  }
  return tensors;
}

function say(header, tensors = null) {
  const entries = {};
  const data = [];
  for (const [name, values] of Object.entries(tensors ?? {})) {
    const begin = 8 * data.length;
    data.push(...values);
    entries[name] = { dtype: "F64", shape: [values.length], data_offsets: [begin, 8 * data.length] };
  }
  const text = Buffer.from(JSON.stringify(entries));
  const body = Buffer.alloc(tensors ? 8 + text.length + 8 * data.length : 0);
  if (tensors) {
    body.writeBigUInt64LE(BigInt(text.length), 0);
    text.copy(body, 8);
    data.forEach((value, i) => body.writeDoubleLE(value, 8 + text.length + 8 * i));
  }
  process.stdout.write(JSON.stringify({ flowlaw: 1, ...header, bytes: body.length }) + "\n");
  process.stdout.write(body);
}
