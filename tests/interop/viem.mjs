// The viem oracle. README.md describes the protocol. viem does not check s: it also recovers from a high one.

import { Unsupported, bytes, count, integer, load, serve, signature65, transactionFields, word } from "./protocol.mjs";

const {
  fromRlp,
  getAddress,
  keccak256,
  parseTransaction,
  recoverAddress,
  recoverMessageAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  serializeTransaction,
} = load("viem");
const { recoverAuthorizationAddress } = load("viem/utils");

const TYPES = ["legacy", "eip2930", "eip1559", "eip4844", "eip7702"];

await serve({ decode, recover_message, recover_typed_data, recover_hash, recover_authorization, unsigned });

async function decode(request) {
  const raw = bytes(request.raw);
  refuseUnreadable(raw);

  const { r, s, v, yParity, sidecars, ...body } = parseTransaction(raw);
  if (r === undefined) throw new Error("the transaction is not signed");
  const signature = { r, s, v, yParity };
  const written = serializeTransaction(sidecars ? { ...body, sidecars } : body, signature);
  if (written !== raw) throw new Unsupported("viem does not write these bytes back");
  return {
    type: TYPES.indexOf(body.type),
    from: await recoverTransactionAddress({ serializedTransaction: raw }),
    hash: keccak256(serializeTransaction(body, signature)),
    chainId: body.chainId === undefined ? null : count(body.chainId),
    nonce: count(body.nonce),
    signingHash: keccak256(serializeTransaction(body)),
    r: word(r),
    s: word(s),
    yParity,
    to: body.to ? getAddress(body.to) : null,
    value: (body.value ?? 0n).toString(),
  };
}

async function recover_message({ message, signature }) {
  signature65(signature);
  return { address: await recoverMessageAddress({ message: { raw: bytes(message) }, signature }) };
}

async function recover_typed_data({ typed_data: { domain, types, primaryType, message }, signature }) {
  signature65(signature);
  return { address: await recoverTypedDataAddress({ domain, types, primaryType, message, signature }) };
}

async function recover_hash({ hash, signature }) {
  return { address: await recoverAddress({ hash: bytes(hash, 32), signature: signature65(signature) }) };
}

async function recover_authorization({ authorization }) {
  return { address: await recoverAuthorizationAddress({ authorization: signedAuthorization(authorization) }) };
}

function unsigned({ tx: request }) {
  const { type, to, chainId, authorizationList, ...fields } = transactionFields(request);
  if (chainId === 0n) throw new Unsupported("viem: chain id 0");
  return {
    signingHash: keccak256(
      serializeTransaction({
        ...fields,
        type: TYPES[type],
        to: to ?? undefined,
        chainId: chainId ?? undefined,
        authorizationList: authorizationList?.map(signedAuthorization),
      }),
    ),
  };
}

function signedAuthorization({ chainId, address, nonce, r, s, yParity }) {
  return {
    chainId: integer(chainId),
    address,
    nonce: integer(nonce),
    r: word(integer(r)),
    s: word(integer(s)),
    yParity: Number(integer(yParity)),
  };
}

/** Separates requests that are valid in Ethereum but not in viem from broken ones. */
function refuseUnreadable(raw) {
  if (parseInt(raw.slice(2, 4), 16) >= 0xc0) {
    const [nonce, , , , , , v] = fromRlp(raw);
    if (v === "0x23" || v === "0x24") throw new Unsupported("viem: EIP-155 with chain id 0");
    // It holds v = 35 + 2·chainId + parity as a bigint, but the chain id as a double.
    return refuseLarge(nonce, v === undefined ? "0x" : `0x${(BigInt(v) / 2n).toString(16)}`);
  }
  const outer = fromRlp(`0x${raw.slice(4)}`);
  if (raw.startsWith("0x03") && outer.length === 5) throw new Unsupported("viem: the EIP-7594 sidecar");
  const [chainId, nonce] = outer.flat();
  if (chainId === "0x") throw new Unsupported("viem: chain id 0");
  refuseLarge(chainId, nonce);
  if (raw.startsWith("0x04")) outer[9].forEach(([chainId, , nonce]) => refuseLarge(chainId, nonce));
}

function refuseLarge(...values) {
  if (values.some((value) => value !== "0x" && BigInt(value) > BigInt(Number.MAX_SAFE_INTEGER))) {
    throw new Unsupported("viem: a chain id or nonce past 2^53");
  }
}
