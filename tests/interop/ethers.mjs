// The ethers oracle. README.md describes the protocol.

import { Unsupported, bytes, count, integer, load, serve, signature65, transactionFields, word } from "./protocol.mjs";

const {
  Signature,
  Transaction,
  TypedDataEncoder,
  Wallet,
  decodeRlp,
  getBytes,
  recoverAddress,
  verifyAuthorization,
  verifyMessage,
  verifyTypedData,
} = load("ethers");

const WALLET = new Wallet(`0x${"11".repeat(32)}`);

await serve({
  decode,
  recover_message,
  recover_typed_data,
  hash_typed_data,
  recover_hash,
  recover_authorization,
  unsigned,
});

function decode(request) {
  const raw = bytes(request.raw);
  const typed = getBytes(raw)[0] < 0xc0;
  if (typed) {
    refuseLargeNonce(decodeRlp(`0x${raw.slice(4)}`).flat()[1]);
  } else {
    const fields = decodeRlp(raw);
    refuseLargeNonce(fields[0]);
    if (fields[6] === "0x23" || fields[6] === "0x24") throw new Unsupported("ethers: EIP-155 with chain id 0");
  }

  const tx = Transaction.from(raw);
  if (!tx.isSigned()) throw new Error("the transaction is not signed");
  if (!tx.signature.isValid()) throw new Error("the signature has a high s");
  if (tx.serialized !== raw) throw new Unsupported("ethers does not write these bytes back");
  return {
    type: tx.type,
    from: tx.from,
    hash: tx.hash,
    chainId: tx.type === 0 && tx.signature.legacyChainId === null ? null : count(tx.chainId),
    nonce: count(tx.nonce),
    signingHash: tx.unsignedHash,
    r: word(tx.signature.r),
    s: word(tx.signature.s),
    yParity: tx.signature.yParity,
    to: tx.to,
    value: tx.value.toString(),
  };
}

function recover_message({ message, signature }) {
  return { address: verifyMessage(getBytes(bytes(message)), signature65(signature)) };
}

function recover_typed_data({ typed_data, signature }) {
  const { domain, own, message } = read_typed_data(typed_data);
  return { address: verifyTypedData(domain, own, message, signature65(signature)) };
}

/** The hash that a wallet signs: it first rebuilds the message, to resolve names to addresses. */
async function hash_typed_data({ json }) {
  const { domain, own, message } = read_typed_data(JSON.parse(json));
  const hash = TypedDataEncoder.hash(domain, own, message);
  const signature = await WALLET.signTypedData(domain, own, message);
  if (recoverAddress(hash, signature) !== WALLET.address) {
    throw new Unsupported("the wallet and the encoder of ethers hash this differently");
  }
  return { hash };
}

/** The arguments of ethers' functions, from EIP-712's single object. */
function read_typed_data({ domain, types, primaryType, message }) {
  // ethers derives the domain's type itself, and needs all others.
  const { EIP712Domain, ...own } = types;
  if (TypedDataEncoder.from(own).primaryType !== primaryType) {
    throw new Unsupported(`ethers takes another primary type than ${primaryType}`);
  }
  const derived = TypedDataEncoder.getPayload(domain, own, message).types.EIP712Domain;
  if (EIP712Domain !== undefined && canonical(EIP712Domain) !== canonical(derived)) {
    throw new Unsupported("ethers derives EIP712Domain from the domain, and here they differ");
  }
  return { domain, own, message };
}

function recover_hash({ hash, signature }) {
  return { address: recoverAddress(bytes(hash, 32), signature65(signature)) };
}

function recover_authorization({ authorization }) {
  return { address: verifyAuthorization(unsignedAuthorization(authorization), parts(authorization)) };
}

function unsigned({ tx: request }) {
  const { gas, ...fields } = transactionFields(request);
  refuseLargeNonce(fields.nonce);
  if (fields.type === 0) {
    if (fields.chainId === 0n) throw new Unsupported("ethers: EIP-155 with chain id 0");
    fields.chainId ??= 0n; // ethers' word for "without EIP-155"
  }
  if (fields.authorizationList) {
    fields.authorizationList = fields.authorizationList.map((authorization) => ({
      ...unsignedAuthorization(authorization),
      signature: parts(authorization),
    }));
  }
  return { signingHash: Transaction.from({ ...fields, gasLimit: gas }).unsignedHash };
}

function unsignedAuthorization({ chainId, address, nonce }) {
  return { chainId: integer(chainId), address, nonce: integer(nonce) };
}

function parts({ r, s, yParity }) {
  return Signature.from({ r: word(integer(r)), s: word(integer(s)), yParity: Number(integer(yParity)) });
}

/** ethers keeps a transaction's nonce in a double. */
function refuseLargeNonce(nonce) {
  if (nonce !== "0x" && BigInt(nonce) > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Unsupported("ethers: a nonce past 2^53");
  }
}

function canonical(fields) {
  return JSON.stringify(fields.map(({ name, type }) => [name, type]));
}
