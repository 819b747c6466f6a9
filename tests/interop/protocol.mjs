// What the JavaScript oracles share: one JSON request per line in, one JSON answer per line out.
// README.md describes the operations. This file depends on no library.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

/** A valid request that the library behind an oracle cannot answer. */
export class Unsupported extends Error {}

/** Loads a package from the install directory, which is not an ancestor of this file. */
export function load(name) {
  const directory = process.env.INTEROP_DIR;
  if (!directory) throw new Error("INTEROP_DIR is not set: it names what scripts/interop-setup made");
  return createRequire(resolve(directory, "package.json"))(name);
}

/** Answers requests until the input ends. */
export async function serve(operations) {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== "") process.stdout.write(`${JSON.stringify(await answer(operations, line))}\n`);
  }
}

async function answer(operations, line) {
  try {
    const request = JSON.parse(line, refuseRounded);
    if (!Object.hasOwn(operations, request.op)) throw new Error(`unknown op: ${request.op}`);
    return await operations[request.op](request);
  } catch (error) {
    // The libraries quote whole transactions in their messages.
    const text = String(error.shortMessage ?? error.message).slice(0, 400);
    return error instanceof Unsupported ? { unsupported: text } : { error: text };
  }
}

/** JSON.parse rounds large numbers silently, and the oracle would then answer for another number. */
function refuseRounded(key, value) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new Error(`${key}: not an integer within 2^53; write it as a string`);
  }
  return value;
}

/** A BigInt from a JSON number, a decimal string or a 0x string. */
export function integer(value) {
  if (typeof value === "number" || (typeof value === "string" && /^(0x[0-9a-f]+|[0-9]+)$/i.test(value))) {
    return BigInt(value);
  }
  throw new Error(`not an integer: ${JSON.stringify(value)}`);
}

/** A count in an answer: a JSON number, or past 2^53 a decimal string. */
export function count(value) {
  return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value).toString();
}

/** 32 bytes as 64 hex digits, including leading zeros that the input left out. */
export function word(value) {
  return `0x${BigInt(value).toString(16).padStart(64, "0")}`;
}

/** The given bytes as a 0x string in lower case; the libraries differ in which other forms they accept. */
export function bytes(value, length) {
  const digits = /^0x((?:[0-9a-f]{2})*)$/.exec(String(value).toLowerCase())?.[1];
  if (digits === undefined || (length !== undefined && digits.length !== 2 * length)) {
    throw new Error(`not a 0x string of ${length ?? "whole"} bytes`);
  }
  return `0x${digits}`;
}

/** The given 65 bytes r, s, v, where v is 0, 1, 27 or 28: the forms that all libraries read the same way. */
export function signature65(value) {
  if (!/^0x[0-9a-f]{128}(00|01|1b|1c)$/i.test(value)) {
    throw new Error("signature: not 65 bytes that end in 0, 1, 27 or 28");
  }
  return value;
}

const COMMON = ["type", "chainId", "nonce", "to", "value", "gas", "data"];
const FEES = ["maxFeePerGas", "maxPriorityFeePerGas"];
const FIELDS = [
  [...COMMON, "gasPrice"],
  [...COMMON, "gasPrice", "accessList"],
  [...COMMON, ...FEES, "accessList"],
  [...COMMON, ...FEES, "accessList", "maxFeePerBlobGas", "blobVersionedHashes"],
  [...COMMON, ...FEES, "accessList", "authorizationList"],
];
const DEFAULTS = { to: null, value: 0, data: "0x", accessList: [] };
const INTEGERS = ["chainId", "nonce", "value", "gas", "gasPrice", ...FEES, "maxFeePerBlobGas"];

/** The fields of an "unsigned" request: none unknown, none missing, integers as BigInt. */
export function transactionFields(request) {
  const names = FIELDS[request.type];
  if (!names) throw new Error(`unknown transaction type: ${request.type}`);
  for (const name of Object.keys(request)) {
    if (!names.includes(name)) throw new Error(`type ${request.type} has no field ${name}`);
  }
  const fields = {};
  for (const name of names) {
    const value = request[name] === undefined ? DEFAULTS[name] : request[name];
    if (value === undefined) throw new Error(`type ${request.type} needs ${name}`);
    fields[name] = INTEGERS.includes(name) && value !== null ? integer(value) : value;
  }
  if (fields.chainId === null && fields.type !== 0) throw new Error(`type ${fields.type} needs chainId`);
  if (fields.to === null && fields.type >= 3) throw new Error(`type ${fields.type} needs to`);
  return fields;
}
