// The oracle of @metamask/eth-sig-util, with which MetaMask signs typed data. README.md describes the protocol.

import { load, serve } from "./protocol.mjs";

const { SignTypedDataVersion, TypedDataUtils } = load("@metamask/eth-sig-util");

await serve({ hash_typed_data });

function hash_typed_data({ json }) {
  const hash = TypedDataUtils.eip712Hash(JSON.parse(json), SignTypedDataVersion.V4);
  return { hash: `0x${hash.toString("hex")}` };
}
