"""The eth-account oracle. README.md describes the protocol.

eth-account does not look at s: it recovers from a high one too. Where it offers no public
function (a bare hash, an authorization, an unsigned hash), its own internals do the work: the
version is pinned.
"""

import functools
import json
import os
import re
import sys


def enter_install_dir():
    """Starts again under the interpreter that has the libraries."""
    if "INTEROP_DIR" not in os.environ:
        sys.exit("INTEROP_DIR is not set: it names what scripts/interop-setup made")
    venv = os.path.join(os.path.abspath(os.environ["INTEROP_DIR"]), "venv")
    if os.path.realpath(sys.prefix) != os.path.realpath(venv):
        python = os.path.join(venv, "bin", "python")
        os.execv(python, [python, *sys.argv])


enter_install_dir()

import rlp  # noqa: E402
from eth_account import Account  # noqa: E402
from eth_account._utils.legacy_transactions import (  # noqa: E402
    Transaction,
    serializable_unsigned_transaction_from_dict,
)
from eth_account._utils.signing import (  # noqa: E402
    extract_chain_id,
    hash_of_signed_transaction,
)
from eth_account.messages import encode_defunct, encode_typed_data  # noqa: E402
from eth_account.typed_transactions import TypedTransaction, base  # noqa: E402
from eth_account.typed_transactions.blob_transactions.blob_transaction import (  # noqa: E402
    BlobTransaction,
)
from eth_account.typed_transactions.set_code_transaction import (  # noqa: E402
    Authorization,
)
from eth_utils import keccak, to_canonical_address, to_checksum_address  # noqa: E402
from hexbytes import HexBytes  # noqa: E402


# It reads the KZG setup again for every blob, which takes more than a second.
base.load_trusted_setup = functools.cache(base.load_trusted_setup)


class Unsupported(Exception):
    """A valid request that eth-account cannot answer."""


def decode(request):
    raw = hex_bytes(request["raw"])
    if raw[0] >= 0xC0:
        return decode_legacy(raw)

    tx = TypedTransaction.from_bytes(raw)
    signing_hash = tx.hash()
    fields = tx.as_dict()
    canonical = tx.encode()
    written = raw
    if tx.blob_data is not None:
        # It would write a sidecar of its own, so only the transaction inside is compared.
        canonical = b"\x03" + BlobTransaction(tx.transaction.dictionary).payload()
        written = b"\x03" + rlp.encode(rlp.decode(raw[1:])[0])
    if canonical != written:
        raise Unsupported("eth-account does not write these bytes back")
    parity, r, s = tx.vrs()
    return {
        "type": raw[0],
        "from": Account.recover_transaction(raw),
        "hash": hexadecimal(keccak(canonical)),
        "chainId": count(fields["chainId"]),
        "nonce": count(fields["nonce"]),
        "signingHash": hexadecimal(signing_hash),
        "r": word(r),
        "s": word(s),
        "yParity": parity,
        "to": address(fields["to"]),
        "value": str(fields["value"]),
    }


def decode_legacy(raw):
    tx = Transaction.from_bytes(raw)
    if tx.v < 27:
        raise ValueError("the transaction is not signed, or its v is below 27")
    if rlp.encode(tx) != raw:
        raise Unsupported("eth-account does not write these bytes back")
    chain_id, v = extract_chain_id(tx.v)
    return {
        "type": 0,
        "from": Account.recover_transaction(raw),
        "hash": hexadecimal(tx.hash()),
        "chainId": None if chain_id is None else count(chain_id),
        "nonce": count(tx.nonce),
        "signingHash": hexadecimal(hash_of_signed_transaction(tx)),
        "r": word(tx.r),
        "s": word(tx.s),
        "yParity": v - 27,
        "to": address(tx.to),
        "value": str(tx.value),
    }


def recover_message(request):
    message = encode_defunct(primitive=hex_bytes(request["message"]))
    return {"address": Account.recover_message(message, signature=signature65(request))}


def recover_typed_data(request):
    data = request["typed_data"]
    check_domain(data)
    # It takes the type that no other type refers to as the primary type.
    types = reachable(data["types"], data["primaryType"])
    if "EIP712Domain" in data["types"]:
        types["EIP712Domain"] = data["types"]["EIP712Domain"]
    message = encode_typed_data(full_message={**data, "types": types})
    return {"address": Account.recover_message(message, signature=signature65(request))}


DOMAIN = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


def check_domain(data):
    """It derives EIP712Domain from the domain, and ignores the given type."""
    given = data["types"].get("EIP712Domain")
    if given is None:
        return
    derived = [(name, DOMAIN[name]) for name in DOMAIN if name in data["domain"]]
    if [(field["name"], field["type"]) for field in given] != derived:
        raise Unsupported(
            "eth-account derives EIP712Domain from the domain, and here they differ"
        )


def reachable(types, primary_type):
    found, pending = {}, [primary_type]
    while pending:
        name = re.sub(r"(\[\d*\])+$", "", pending.pop())
        if name in types and name not in found:
            found[name] = types[name]
            pending += [field["type"] for field in types[name]]
    return found


def recover_hash(request):
    prehash, signature = hex_bytes(request["hash"]), signature65(request)
    return {"address": Account._recover_hash(prehash, signature=signature)}


def recover_authorization(request):
    signed = authorization_fields(request["authorization"])
    unsigned_hash = Authorization(
        signed["chainId"], to_canonical_address(signed["address"]), signed["nonce"]
    ).hash()
    vrs = (signed["yParity"], signed["r"], signed["s"])
    return {"address": Account._recover_hash(unsigned_hash, vrs=vrs)}


COMMON = ("type", "chainId", "nonce", "to", "value", "gas", "data")
FEES = ("maxFeePerGas", "maxPriorityFeePerGas")
FIELDS = {
    0: (*COMMON, "gasPrice"),
    1: (*COMMON, "gasPrice", "accessList"),
    2: (*COMMON, *FEES, "accessList"),
    3: (*COMMON, *FEES, "accessList", "maxFeePerBlobGas", "blobVersionedHashes"),
    4: (*COMMON, *FEES, "accessList", "authorizationList"),
}
DEFAULTS = {"to": None, "value": 0, "data": "0x", "accessList": []}
INTEGERS = ("chainId", "nonce", "value", "gas", "gasPrice", *FEES, "maxFeePerBlobGas")


def unsigned(request):
    fields = transaction_fields(request["tx"])
    if fields["type"] == 0:
        del fields["type"]
        return {
            "signingHash": hexadecimal(serializable_unsigned_transaction_from_dict(fields).hash())
        }
    if "authorizationList" in fields:
        fields["authorizationList"] = [
            authorization_fields(signed) for signed in fields["authorizationList"]
        ]
    return {"signingHash": hexadecimal(TypedTransaction.from_dict(fields).hash())}


def transaction_fields(request):
    """The fields of an "unsigned" request: none unknown, none missing, integers as int."""
    kind = request.get("type")
    if kind not in FIELDS:
        raise ValueError(f"unknown transaction type: {kind}")
    if unknown := set(request) - set(FIELDS[kind]):
        raise ValueError(f"type {kind} has no field {', '.join(sorted(unknown))}")
    fields = {**{name: DEFAULTS[name] for name in FIELDS[kind] if name in DEFAULTS}, **request}
    if missing := set(FIELDS[kind]) - set(fields):
        raise ValueError(f"type {kind} needs {', '.join(sorted(missing))}")
    for name in INTEGERS:
        if fields.get(name) is not None:
            fields[name] = integer(fields[name])
    if fields["chainId"] is None and kind != 0:
        raise ValueError(f"type {kind} needs chainId")
    if fields["to"] is None and kind >= 3:
        raise ValueError(f"type {kind} needs to")
    if fields["to"] is not None:
        fields["to"] = to_checksum_address(fields["to"])
    return fields


def authorization_fields(signed):
    if integer(signed["yParity"]) > 1:
        raise ValueError("yParity: not 0 or 1")
    return {
        "chainId": integer(signed["chainId"]),
        "address": signed["address"],
        "nonce": integer(signed["nonce"]),
        "yParity": integer(signed["yParity"]),
        "r": integer(signed["r"]),
        "s": integer(signed["s"]),
    }


def integer(value):
    """An int from a JSON number, a decimal string or a 0x string."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", value):
        return int(value, 16 if value[:2] in ("0x", "0X") else 10)
    raise ValueError(f"not an integer: {value!r}")


def hex_bytes(value):
    """The bytes of a 0x string; the libraries differ in which other forms they accept."""
    if not re.fullmatch(r"0x([0-9a-fA-F]{2})*", value):
        raise ValueError("not a 0x string of whole bytes")
    return HexBytes(value)


def signature65(request):
    """65 bytes r, s, v, where v is 0, 1, 27 or 28: the forms that all libraries read the same way."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{128}(00|01|1[bB]|1[cC])", request["signature"]):
        raise ValueError("signature: not 65 bytes that end in 0, 1, 27 or 28")
    return HexBytes(request["signature"])


def count(value):
    """A count in an answer: a JSON number, or past 2^53 a decimal string."""
    return value if value < 2**53 else str(value)


def address(value):
    return to_checksum_address(value) if value else None


def word(value):
    return f"0x{value:064x}"


def hexadecimal(value):
    return "0x" + bytes(value).hex()


OPERATIONS = {
    "decode": decode,
    "recover_message": recover_message,
    "recover_typed_data": recover_typed_data,
    "recover_hash": recover_hash,
    "recover_authorization": recover_authorization,
    "unsigned": unsigned,
}


def answer(line):
    try:
        request = json.loads(line)
        if request.get("op") not in OPERATIONS:
            raise ValueError(f"unknown op: {request.get('op')}")
        return OPERATIONS[request["op"]](request)
    except Unsupported as reason:
        return {"unsupported": str(reason)}
    except Exception as error:
        # The library quotes whole transactions in its messages.
        return {"error": f"{type(error).__name__}: {error}"[:400]}


for request_line in sys.stdin:
    if request_line.strip():
        print(json.dumps(answer(request_line)), flush=True)
