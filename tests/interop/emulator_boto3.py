"""Checks the KMS emulator against boto3, and its signatures against `cryptography`.

    python emulator_boto3.py ENDPOINT_URL [REGION]

Reads from botocore's model of KMS what an answer may hold and which errors an operation has.
Needs the PyPI packages boto3 and cryptography. Exits with 1 at the first check that fails.
"""

import base64
import datetime
import hashlib
import http.client
import json
import sys
import urllib.parse
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

ECDSA = "ECDSA_SHA_256"
ED25519 = "ED25519_SHA_512"
ORDERS = {
    "ECC_SECG_P256K1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    "ECC_NIST_P256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
}
SPKI_PREFIXES = {
    "ECC_SECG_P256K1": "3056301006072a8648ce3d020106052b8104000a034200" + "04",
    "ECC_NIST_P256": "3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04",
    "ECC_NIST_EDWARDS25519": "302a300506032b6570032100",
}
OPERATIONS = (
    "CancelKeyDeletion CreateAlias CreateKey DeleteAlias DescribeKey DisableKey EnableKey "
    "GetPublicKey ListAliases ListKeys ScheduleKeyDeletion Sign UpdateAlias Verify"
).split()
UNKNOWN_KEY = "00000000-0000-4000-8000-000000000000"
DIGEST = hashlib.sha256(b"digest").digest()

# Lets the script run again on the same server.
RUN = uuid.uuid4().hex[:12]

# Errors of every AWS service: the model of KMS does not list them.
COMMON_ERRORS = {
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "UnknownOperationException",
    "ValidationException",
}
# Errors that the emulator gives and the model does not list, with the reason.
UNLISTED_ERRORS = {
    **{
        (operation, "NotAuthorizedException"): "moto gives it for alias/aws/, as KMS does"
        for operation in ("CreateAlias", "UpdateAlias", "DeleteAlias")
    },
    **{
        (operation, "UnsupportedOperationException"): "ED25519_PH_SHA_512 is not emulated"
        for operation in ("Sign", "Verify")
    },
}
# The deprecated enum lacks the newer specs, but KMS has been seen to return ML_DSA_65 in it.
UNLISTED_VALUES = {"CustomerMasterKeySpec": ["ECC_NIST_EDWARDS25519"]}

checks = 0
answered = set()
unlisted = set()


def check(condition, what, detail=None):
    global checks
    if not condition:
        sys.exit(f"FAILED: {what}" + ("" if detail is None else f": {detail!r}"))
    checks += 1


def equal(actual, expected, what):
    check(actual == expected, what, {"actual": actual, "expected": expected})


def check_answer(operation_model, response_dict, **_):
    """Checks an answer's JSON against the model, since boto3 ignores what it does not know."""
    name = operation_model.name
    body = json.loads(response_dict["body"] or "null")
    if response_dict["status_code"] == 200:
        answered.add(name)
        if operation_model.output_shape is None:
            equal(body, None, f"{name}: no answer")
        else:
            check_shape(operation_model.output_shape, body, name)
    else:
        check(set(body) <= {"__type", "message"}, f"{name}: members of an error", body)
        check_error(operation_model, body["__type"])


def check_error(operation_model, code):
    listed = {shape.name for shape in operation_model.error_shapes}
    if code not in listed | COMMON_ERRORS:
        pair = (operation_model.name, code)
        check(pair in UNLISTED_ERRORS, "an error that the operation does not have", pair)
        unlisted.add(pair)


def check_shape(shape, value, where):
    """Checks that a JSON value is one of this shape: members, types, enums."""
    if shape.type_name == "structure":
        check(isinstance(value, dict), f"{where} is an object", value)
        missing = set(shape.required_members) - set(value)
        equal(missing, set(), f"{where}: missing members")
        for name, member in value.items():
            check(name in shape.members, f"{where} has a member that KMS does not have", name)
            check_shape(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        check(isinstance(value, list), f"{where} is a list", value)
        for number, item in enumerate(value):
            check_shape(shape.member, item, f"{where}[{number}]")
    elif shape.type_name in ("string", "blob"):
        check(isinstance(value, str), f"{where} is a string", value)
        if shape.type_name == "blob":
            base64.b64decode(value, validate=True)
        if getattr(shape, "enum", None):
            allowed = {*shape.enum, *UNLISTED_VALUES.get(shape.name, ())}
            check(value in allowed, f"{where} is of its enum", value)
    else:
        types = {"boolean": bool, "integer": int, "timestamp": (int, float)}
        check(isinstance(value, types[shape.type_name]), f"{where}: type", value)


def client(endpoint, region):
    kms = boto3.client(
        "kms",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="fake",
        # Requests that botocore itself rejects have to reach the emulator too.
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    kms.meta.events.register("before-parse.kms", check_answer)
    return kms


def refused(code, what, call, message=None, status=400, **arguments):
    """Checks that a call fails with this error, and with this in its message."""
    try:
        call(**arguments)
    except ClientError as error:
        response = error.response
        equal(response["Error"]["Code"], code, f"{what}: error code")
        equal(response["ResponseMetadata"]["HTTPStatusCode"], status, f"{what}: HTTP status")
        request_id = response["ResponseMetadata"].get("RequestId", "")
        check(len(request_id) == 36, f"{what}: request id", request_id)
        if message is not None:
            check(message in response["Error"]["Message"], f"{what}: message", response["Error"])
        return
    sys.exit(f"FAILED: {what}: succeeded, expected {code}")


def create(kms, spec, **more):
    return kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", **more)["KeyMetadata"]


def public_key_of(kms, key_id):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])


def algorithm_of(spec):
    return ED25519 if spec == "ECC_NIST_EDWARDS25519" else ECDSA


def check_metadata(kms, region):
    for spec in SPKI_PREFIXES:
        before = datetime.datetime.now(datetime.timezone.utc)
        created = create(
            kms, spec, Description=f"a {spec} key", Tags=[{"TagKey": "a", "TagValue": "b"}]
        )
        key_id = created["KeyId"]
        equal([len(part) for part in key_id.split("-")], [8, 4, 4, 4, 12], "key id is a UUID")
        arn = created["Arn"]
        equal(arn, f"arn:aws:kms:{region}:{created['AWSAccountId']}:key/{key_id}", "key ARN")
        for name, expected in {
            "KeySpec": spec,
            "CustomerMasterKeySpec": spec,
            "KeyUsage": "SIGN_VERIFY",
            "KeyState": "Enabled",
            "Enabled": True,
            "Description": f"a {spec} key",
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "MultiRegion": False,
            "SigningAlgorithms": [ED25519, "ED25519_PH_SHA_512"]
            if spec == "ECC_NIST_EDWARDS25519"
            else [ECDSA],
        }.items():
            equal(created[name], expected, f"CreateKey {spec}: {name}")
        age = (created["CreationDate"] - before).total_seconds()
        check(-1 < age < 60, "CreationDate is now", age)
        for name in (key_id, arn):
            described = kms.describe_key(KeyId=name)["KeyMetadata"]
            equal(described, created, f"DescribeKey {name}")

    multi_region = create(kms, "ECC_NIST_P256", MultiRegion=True)
    check(multi_region["KeyId"].startswith("mrk-"), "multi-Region key id", multi_region["KeyId"])
    configuration = multi_region["MultiRegionConfiguration"]
    equal(configuration["MultiRegionKeyType"], "PRIMARY", "multi-Region key type")
    equal(
        configuration["PrimaryKey"],
        {"Arn": multi_region["Arn"], "Region": region},
        "multi-Region primary key",
    )


def check_create_key_errors(kms):
    usage = {"KeyUsage": "SIGN_VERIFY"}
    refused("UnsupportedOperationException", "symmetric key", kms.create_key)
    for spec in ("RSA_2048", "ECC_NIST_P384", "HMAC_256", "ML_DSA_44"):
        refused("UnsupportedOperationException", spec, kms.create_key, KeySpec=spec, **usage)
    for code, more in (
        ("UnsupportedOperationException", {"Origin": "EXTERNAL"}),
        ("UnsupportedOperationException", {"CustomKeyStoreId": "cks-1"}),
        ("UnsupportedOperationException", {"XksKeyId": "1"}),
        ("MalformedPolicyDocumentException", {"Policy": "[]"}),
        ("ValidationException", {"Policy": "{}" + " " * 131071}),
    ):
        refused(code, str(more)[:60], kms.create_key, KeySpec="ECC_NIST_P256", **more, **usage)
    create(kms, "ECC_NIST_P256", Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    for spec in ("ECC_NIST_EDWARDS25519", "ML_DSA_44"):
        refused(
            "ValidationException",
            f"CustomerMasterKeySpec {spec}",
            kms.create_key,
            "at 'customerMasterKeySpec' failed to satisfy constraint",
            CustomerMasterKeySpec=spec,
            **usage,
        )
    refused(
        "ValidationException",
        "unknown spec",
        kms.create_key,
        "1 validation error detected: Value 'ECC_MOON' at 'keySpec' failed to satisfy constraint",
        KeySpec="ECC_MOON",
        **usage,
    )
    refused(
        "ValidationException",
        "no usage",
        kms.create_key,
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        KeySpec="ECC_NIST_P256",
    )
    refused(
        "ValidationException",
        "usage for another spec",
        kms.create_key,
        KeySpec="ECC_SECG_P256K1",
        KeyUsage="ENCRYPT_DECRYPT",
    )
    refused(
        "TagException",
        "repeated tag",
        kms.create_key,
        KeySpec="ECC_NIST_P256",
        Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}],
        **usage,
    )


def check_public_keys(kms):
    for spec, prefix in SPKI_PREFIXES.items():
        arn = create(kms, spec)["Arn"]
        answer = kms.get_public_key(KeyId=arn)
        equal(answer["KeyId"], arn, f"GetPublicKey {spec}: KeyId")
        equal(answer["KeySpec"], spec, f"GetPublicKey {spec}: KeySpec")
        equal(answer["KeyUsage"], "SIGN_VERIFY", f"GetPublicKey {spec}: KeyUsage")
        check(algorithm_of(spec) in answer["SigningAlgorithms"], f"GetPublicKey {spec}: algorithm")
        check(answer["PublicKey"].hex().startswith(prefix), f"GetPublicKey {spec}: SPKI header")
        serialization.load_der_public_key(answer["PublicKey"])


def verified(public_key, signature, message, message_type="RAW"):
    """Whether `cryptography` accepts a signature."""
    try:
        if isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(signature, message)
        elif message_type == "DIGEST":
            public_key.verify(signature, message, ec.ECDSA(Prehashed(hashes.SHA256())))
        else:
            public_key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def check_signatures(kms):
    for spec in SPKI_PREFIXES:
        key = create(kms, spec)
        algorithm = algorithm_of(spec)
        public_key = public_key_of(kms, key["KeyId"])
        messages = [("RAW", b"m"), ("RAW", bytes(4096))]
        if algorithm == ECDSA:
            messages += [("DIGEST", DIGEST), ("DIGEST", bytes(32))]
        for message_type, message in messages:
            request = {
                "KeyId": key["KeyId"],
                "Message": message,
                "MessageType": message_type,
                "SigningAlgorithm": algorithm,
            }
            answer = kms.sign(**request)
            what = f"Sign {spec} {message_type}"
            equal(answer["KeyId"], key["Arn"], f"{what}: KeyId")
            equal(answer["SigningAlgorithm"], algorithm, f"{what}: SigningAlgorithm")
            signature = answer["Signature"]
            check(verified(public_key, signature, message, message_type), f"{what}: verifies")
            answer = kms.verify(Signature=signature, **request)
            equal(answer["SignatureValid"], True, f"{what}: Verify")
            equal(answer["KeyId"], key["Arn"], f"{what}: Verify: KeyId")
            equal(answer["SigningAlgorithm"], algorithm, f"{what}: Verify: SigningAlgorithm")

            wrong = bytearray(signature)
            wrong[-1] ^= 1
            for bad in (bytes(wrong), signature + b"\0", signature[:-1], b"\0"):
                refused(
                    "KMSInvalidSignatureException",
                    f"{what}: Verify of a wrong signature",
                    kms.verify,
                    Signature=bad,
                    **request,
                )

    # The message type defaults to RAW, and RAW is hashed once.
    key = create(kms, "ECC_SECG_P256K1")
    raw = kms.sign(KeyId=key["KeyId"], Message=b"message", SigningAlgorithm=ECDSA)["Signature"]
    answer = kms.verify(
        KeyId=key["KeyId"],
        Message=hashlib.sha256(b"message").digest(),
        MessageType="DIGEST",
        SigningAlgorithm=ECDSA,
        Signature=raw,
    )
    equal(answer["SignatureValid"], True, "RAW is hashed once")


def check_high_s(kms):
    for spec, order in ORDERS.items():
        key_id = create(kms, spec)["KeyId"]
        public_key = public_key_of(kms, key_id)
        request = {
            "KeyId": key_id,
            "Message": DIGEST,
            "MessageType": "DIGEST",
            "SigningAlgorithm": ECDSA,
        }
        signatures = [kms.sign(**request)["Signature"] for _ in range(200)]
        equal(len(set(signatures)), 200, f"{spec}: no two signatures are the same")
        high = 0
        for signature in signatures:
            check(verified(public_key, signature, DIGEST, "DIGEST"), f"{spec}: verifies")
            r, s = decode_dss_signature(signature)
            check(0 < r < order and 0 < s < order, f"{spec}: r and s are in range")
            equal(signature, encode_dss_signature(r, s), f"{spec}: strict DER")
            high += s > order // 2
        check(50 <= high <= 150, f"{spec}: s is high in about half of 200 signatures", high)
        r, s = decode_dss_signature(signatures[0])
        other = encode_dss_signature(r, order - s)
        equal(
            kms.verify(Signature=other, **request)["SignatureValid"],
            True,
            f"{spec}: Verify takes a high s as well as a low one",
        )

    key_id = create(kms, "ECC_NIST_EDWARDS25519")["KeyId"]
    request = {"KeyId": key_id, "Message": b"m", "SigningAlgorithm": ED25519}
    signatures = {kms.sign(**request)["Signature"] for _ in range(3)}
    equal([len(signature) for signature in signatures], [64], "Ed25519 is deterministic, 64 bytes")


def check_sign_errors(kms):
    keys = {spec: create(kms, spec)["KeyId"] for spec in SPKI_PREFIXES}
    secp256k1, edwards = keys["ECC_SECG_P256K1"], keys["ECC_NIST_EDWARDS25519"]
    signature = {"Signature": b"\x30"}
    for name, call, more in (("Sign", kms.sign, {}), ("Verify", kms.verify, signature)):
        cases = [
            (
                "ValidationException",
                "Digest is invalid length for algorithm ECDSA_SHA_256.",
                {"KeyId": secp256k1, "Message": bytes(31), "MessageType": "DIGEST"},
            ),
            (
                "ValidationException",
                "Value at 'message' failed to satisfy constraint: "
                "Member must have length less than or equal to 4096",
                {"KeyId": secp256k1, "Message": bytes(4097)},
            ),
            (
                "ValidationException",
                "Member must have length greater than or equal to 1",
                {"KeyId": secp256k1, "Message": b""},
            ),
            (
                "ValidationException",
                "Value 'PLAIN' at 'messageType' failed to satisfy constraint",
                {"KeyId": secp256k1, "MessageType": "PLAIN"},
            ),
            (
                "ValidationException",
                "Value 'ECDSA' at 'signingAlgorithm' failed to satisfy constraint",
                {"KeyId": secp256k1, "SigningAlgorithm": "ECDSA"},
            ),
            (
                "ValidationException",
                "Message type DIGEST is incompatible with algorithm ED25519_SHA_512.",
                {
                    "KeyId": edwards,
                    "Message": DIGEST,
                    "MessageType": "DIGEST",
                    "SigningAlgorithm": ED25519,
                },
            ),
            (
                "UnsupportedOperationException",
                "ED25519_PH_SHA_512 is not emulated",
                {
                    "KeyId": edwards,
                    "Message": bytes(64),
                    "MessageType": "DIGEST",
                    "SigningAlgorithm": "ED25519_PH_SHA_512",
                },
            ),
            (
                "InvalidKeyUsageException",
                "Algorithm ED25519_SHA_512 is incompatible with key spec ECC_SECG_P256K1.",
                {"KeyId": secp256k1, "SigningAlgorithm": ED25519},
            ),
            (
                "InvalidKeyUsageException",
                "Algorithm ECDSA_SHA_256 is incompatible with key spec ECC_NIST_EDWARDS25519.",
                {"KeyId": edwards},
            ),
            (
                "DryRunOperationException",
                None,
                {"KeyId": secp256k1, "DryRun": True},
            ),
            (
                "InvalidKeyUsageException",
                "ED25519_SHA_512",
                {"KeyId": secp256k1, "SigningAlgorithm": ED25519, "DryRun": True},
            ),
        ]
        for code, message, arguments in cases:
            request = {"Message": b"m", "SigningAlgorithm": ECDSA, **more, **arguments}
            refused(code, f"{name} {arguments}"[:120], call, message, **request)


def check_key_ids(kms, region):
    key = create(kms, "ECC_SECG_P256K1")
    account = key["AWSAccountId"]
    prefix = f"arn:aws:kms:{region}:{account}:"
    alias = f"alias/{RUN}/ids"
    kms.create_alias(AliasName=alias, TargetKeyId=key["Arn"])
    sign = {"Message": b"m", "SigningAlgorithm": ECDSA}
    for name in (key["KeyId"], key["Arn"], alias, prefix + alias):
        equal(kms.sign(KeyId=name, **sign)["KeyId"], key["Arn"], f"Sign with {name}")
        signature = kms.sign(KeyId=name, **sign)["Signature"]
        answer = kms.verify(KeyId=name, Signature=signature, **sign)
        equal(answer["KeyId"], key["Arn"], f"Verify with {name}")
        equal(kms.get_public_key(KeyId=name)["KeyId"], key["Arn"], f"GetPublicKey with {name}")
        metadata = kms.describe_key(KeyId=name)["KeyMetadata"]
        equal(metadata["Arn"], key["Arn"], f"DescribeKey with {name}")

    other_region = "eu-north-1" if region != "eu-north-1" else "us-west-2"
    other_account = "444455556666" if account != "444455556666" else "111122223333"
    for name, code, message in (
        (UNKNOWN_KEY, "NotFoundException", f"Key '{prefix}key/{UNKNOWN_KEY}' does not exist"),
        ("moon", "NotFoundException", "Invalid keyId 'moon'"),
        ("alias/moon", "NotFoundException", f"Alias {prefix}alias/moon is not found."),
        (
            f"arn:aws:kms:{other_region}:{account}:key/{key['KeyId']}",
            "NotFoundException",
            f"Invalid arn {other_region}",
        ),
        (
            f"arn:aws:kms:{region}:{other_account}:key/{key['KeyId']}",
            "AccessDeniedException",
            "is not authorized to perform: kms:",
        ),
        ("arn:aws:s3:::bucket", "InvalidArnException", "Invalid arn arn:aws:s3:::bucket"),
        (prefix + "moon/1", "InvalidArnException", "Invalid arn "),
        ("", "ValidationException", "at 'keyId' failed to satisfy constraint"),
        ("a" * 2049, "ValidationException", "length less than or equal to 2048"),
    ):
        refused(code, f"DescribeKey {name[:60]}", kms.describe_key, message, KeyId=name)
        refused(code, f"GetPublicKey {name[:60]}", kms.get_public_key, message, KeyId=name)
        # Sign does not list this error.
        code = code.replace("InvalidArnException", "NotFoundException")
        refused(code, f"Sign with {name[:60]}", kms.sign, message, KeyId=name, **sign)

    not_supported = "Key Aliases are not supported for this operation."
    to_keys = "Aliases must refer to keys. Not aliases"
    for name, code, message, target_code, target_message in (
        (alias, "InvalidArnException", not_supported, "ValidationException", to_keys),
        (prefix + alias, "InvalidArnException", not_supported, "ValidationException", to_keys),
        (UNKNOWN_KEY, "NotFoundException", None, "NotFoundException", None),
        ("arn:aws:s3:::bucket", "InvalidArnException", None, "NotFoundException", None),
        ("a" * 2049, "ValidationException", "2048", "ValidationException", "2048"),
    ):
        for operation in (
            kms.enable_key,
            kms.disable_key,
            kms.schedule_key_deletion,
            kms.cancel_key_deletion,
            kms.list_aliases,
        ):
            refused(code, f"{operation.__name__} {name[:60]}", operation, message, KeyId=name)
        for operation in (kms.create_alias, kms.update_alias):
            what = f"{operation.__name__} of {name[:60]}"
            target = {"AliasName": f"alias/{RUN}/ids-2", "TargetKeyId": name}
            refused(target_code, what, operation, target_message, **target)


def check_aliases(kms):
    first = create(kms, "ECC_SECG_P256K1")
    second = create(kms, "ECC_NIST_EDWARDS25519")
    names = [f"alias/{RUN}/list/{number}" for number in range(5)]
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=first["KeyId"])
    for key, expected in ((first, names), (second, [])):
        for name in (key["KeyId"], key["Arn"]):
            found = kms.list_aliases(KeyId=name)
            equal([alias["AliasName"] for alias in found["Aliases"]], expected, "ListAliases")
            equal(found["Truncated"], False, "ListAliases: Truncated")
    alias = kms.list_aliases(KeyId=first["KeyId"])["Aliases"][0]
    equal(alias["TargetKeyId"], first["KeyId"], "ListAliases: TargetKeyId")
    equal(alias["AliasArn"], first["Arn"].replace("key/" + first["KeyId"], names[0]), "AliasArn")
    equal(alias["CreationDate"], alias["LastUpdatedDate"], "ListAliases: dates")

    pages = list(
        kms.get_paginator("list_aliases").paginate(
            KeyId=first["KeyId"], PaginationConfig={"PageSize": 2}
        )
    )
    equal([len(page["Aliases"]) for page in pages], [2, 2, 1], "ListAliases: pages")
    found = [alias["AliasName"] for page in pages for alias in page["Aliases"]]
    equal(found, names, "ListAliases: all pages")
    everything = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 3})
    found = [alias["AliasName"] for page in everything for alias in page["Aliases"]]
    check(set(names) <= set(found), "ListAliases of all keys")
    equal(len(found), len(set(found)), "ListAliases of all keys: each alias once")

    # An alias moves to a key of another spec, and signs with it at once.
    kms.update_alias(AliasName=names[0], TargetKeyId=second["Arn"])
    metadata = kms.describe_key(KeyId=names[0])["KeyMetadata"]
    equal(metadata["Arn"], second["Arn"], "UpdateAlias")
    kms.delete_alias(AliasName=names[0])
    refused("NotFoundException", "deleted alias", kms.describe_key, KeyId=names[0])

    target = {"TargetKeyId": first["KeyId"]}
    refused(
        "AlreadyExistsException",
        "CreateAlias again",
        kms.create_alias,
        "already exists",
        AliasName=names[1],
        **target,
    )
    for operation, more in (
        (kms.create_alias, target),
        (kms.update_alias, target),
        (kms.delete_alias, {}),
    ):
        for name, code, message in (
            ("moon", "ValidationException", 'Alias must start with the prefix "alias/"'),
            ("alias/a:b", "ValidationException", "contains invalid characters for an alias"),
            ("alias/a b", "ValidationException", "regular expression pattern"),
            ("alias/" + "a" * 251, "ValidationException", "length less than or equal to 256"),
            (
                "alias/",
                # Only CreateAlias lists this error.
                "InvalidAliasNameException"
                if operation == kms.create_alias
                else "NotFoundException",
                None,
            ),
            ("alias/aws/kms", "NotAuthorizedException", None),
        ):
            what = f"{operation.__name__} {name}"[:60]
            refused(code, what, operation, message, AliasName=name, **more)
    missing = {"AliasName": f"alias/{RUN}/missing"}
    refused("NotFoundException", "UpdateAlias of nothing", kms.update_alias, **missing, **target)
    refused("NotFoundException", "DeleteAlias of nothing", kms.delete_alias, **missing)

    for limit, message in ((0, "greater than or equal to 1"), (101, "less than or equal to 100")):
        refused("ValidationException", "ListAliases limit", kms.list_aliases, message, Limit=limit)
    refused("InvalidMarkerException", "ListAliases marker", kms.list_aliases, Marker="moon")


def check_list_keys(kms):
    created = {create(kms, "ECC_NIST_P256")["Arn"] for _ in range(5)}
    for size in (1, 2, 100, 1000):
        pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": size}))
        keys = [key for page in pages for key in page["Keys"]]
        arns = [key["KeyArn"] for key in keys]
        check(created <= set(arns), f"ListKeys in pages of {size}")
        equal(len(arns), len(set(arns)), f"ListKeys in pages of {size}: each key once")
        check(all(key["KeyArn"].endswith(key["KeyId"]) for key in keys), "ListKeys: ids")
        check(all(len(page["Keys"]) <= size for page in pages), "ListKeys: page size")
        equal([page["Truncated"] for page in pages[:-1]], [True] * (len(pages) - 1), "Truncated")
        equal(pages[-1]["Truncated"], False, "ListKeys: last page")
        check("NextMarker" not in pages[-1], "ListKeys: no marker on the last page")
    for limit in (0, -1, 1001):
        refused("ValidationException", f"ListKeys Limit={limit}", kms.list_keys, Limit=limit)
    for marker in ("moon", "bW9vbg=="):
        refused("InvalidMarkerException", f"ListKeys {marker}", kms.list_keys, Marker=marker)
    refused("ValidationException", "ListKeys with an empty marker", kms.list_keys, Marker="")


def check_states(kms):
    key = create(kms, "ECC_SECG_P256K1")
    arn, key_id = key["Arn"], key["KeyId"]
    sign = {"KeyId": key_id, "Message": b"m", "SigningAlgorithm": ECDSA}
    signature = kms.sign(**sign)["Signature"]
    uses = (
        ("Sign", kms.sign, sign),
        ("Sign, dry run", kms.sign, {**sign, "DryRun": True}),
        ("Verify", kms.verify, {**sign, "Signature": signature}),
        ("GetPublicKey", kms.get_public_key, {"KeyId": key_id}),
    )

    def state():
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        equal(metadata["Enabled"], metadata["KeyState"] == "Enabled", "Enabled follows KeyState")
        equal("DeletionDate" in metadata, metadata["KeyState"] == "PendingDeletion", "DeletionDate")
        return metadata["KeyState"]

    not_pending = f"{arn} is not pending deletion."
    refused("KMSInvalidStateException", "cancel", kms.cancel_key_deletion, not_pending, KeyId=arn)
    kms.disable_key(KeyId=arn)
    kms.disable_key(KeyId=key_id)
    equal(state(), "Disabled", "DisableKey")
    for what, call, arguments in uses:
        what = f"{what} when disabled"
        refused("DisabledException", what, call, f"{arn} is disabled.", **arguments)
    kms.create_alias(AliasName=f"alias/{RUN}/states", TargetKeyId=key_id)
    kms.enable_key(KeyId=key_id)
    equal(state(), "Enabled", "EnableKey")
    kms.sign(**sign)

    for days, message in ((6, "greater than or equal to 7"), (31, "less than or equal to 30")):
        refused(
            "ValidationException",
            f"ScheduleKeyDeletion in {days} days",
            kms.schedule_key_deletion,
            message,
            KeyId=key_id,
            PendingWindowInDays=days,
        )
    for days, arguments in ((30, {}), (7, {"PendingWindowInDays": 7})):
        before = datetime.datetime.now(datetime.timezone.utc)
        answer = kms.schedule_key_deletion(KeyId=key_id, **arguments)
        equal(answer["KeyId"], arn, "ScheduleKeyDeletion: KeyId")
        equal(answer["KeyState"], "PendingDeletion", "ScheduleKeyDeletion: KeyState")
        equal(answer["PendingWindowInDays"], days, "ScheduleKeyDeletion: days")
        wait = (answer["DeletionDate"] - before).total_seconds()
        check(abs(wait - days * 86400) < 60, "ScheduleKeyDeletion: DeletionDate", wait)
        equal(state(), "PendingDeletion", "ScheduleKeyDeletion")
        pending = f"{arn} is pending deletion."
        for what, call, arguments in uses + (
            ("EnableKey", kms.enable_key, {"KeyId": key_id}),
            ("DisableKey", kms.disable_key, {"KeyId": key_id}),
            ("ScheduleKeyDeletion", kms.schedule_key_deletion, {"KeyId": key_id}),
            (
                "CreateAlias",
                kms.create_alias,
                {"AliasName": f"alias/{RUN}/states-2", "TargetKeyId": key_id},
            ),
            (
                "UpdateAlias",
                kms.update_alias,
                {"AliasName": f"alias/{RUN}/states", "TargetKeyId": key_id},
            ),
        ):
            what = f"{what} when pending deletion"
            refused("KMSInvalidStateException", what, call, pending, **arguments)
        equal(kms.cancel_key_deletion(KeyId=arn)["KeyId"], arn, "CancelKeyDeletion: KeyId")
        equal(state(), "Disabled", "CancelKeyDeletion")
    kms.enable_key(KeyId=key_id)
    kms.sign(**sign)
    kms.delete_alias(AliasName=f"alias/{RUN}/states")


def check_protocol(endpoint, region):
    """Requests that boto3 would never send, over one connection that must stay open."""
    connection = http.client.HTTPConnection(urllib.parse.urlparse(endpoint).netloc, timeout=10)
    authorization = (
        "AWS4-HMAC-SHA256 "
        f"Credential=test/20260101/{region}/kms/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=00"
    )
    standard = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "TrentService.ListKeys",
        "Authorization": authorization,
    }

    def send(body=b"{}", method="POST", path="/", **changes):
        headers = {**standard, **{name.replace("_", "-"): v for name, v in changes.items()}}
        headers = {name: value for name, value in headers.items() if value is not None}
        connection.request(method, path, body, headers)
        sock = connection.sock
        answer = connection.getresponse()
        text = answer.read()
        check(connection.sock is sock, "the connection is kept alive")
        equal(answer.headers["Content-Type"], "application/x-amz-json-1.1", "content type")
        equal(len(answer.headers["x-amzn-RequestId"]), 36, "request id")
        return answer.status, json.loads(text)

    equal(send()[0], 200, "a plain request")
    equal(send(b"")[0], 200, "an empty body")
    for expected, arguments in (
        ("UnknownOperationException", {"X_Amz_Target": "TrentService.Moon"}),
        ("UnknownOperationException", {"X_Amz_Target": "DynamoDB_20120810.ListKeys"}),
        ("UnknownOperationException", {"X_Amz_Target": None}),
        ("UnknownOperationException", {"Content_Type": "application/json"}),
        ("UnknownOperationException", {"method": "GET"}),
        ("MissingAuthenticationTokenException", {"Authorization": None}),
        ("IncompleteSignatureException", {"Authorization": "AWS4-HMAC-SHA256 Signature=00"}),
        (
            "InvalidSignatureException",
            {"Authorization": authorization.replace("/kms/", "/s3/")},
        ),
        ("SerializationException", {"body": b"{"}),
        ("SerializationException", {"body": b"[null,1,null]"}),
        ("SerializationException", {"body": b'{"Limit": "1"}'}),
        (
            "SerializationException",
            {
                "X_Amz_Target": "TrentService.Sign",
                "body": b'{"KeyId": "a", "Message": "not base64!", "SigningAlgorithm": "a"}',
            },
        ),
        ("ValidationException", {"X_Amz_Target": "TrentService.Sign"}),
        ("ValidationException", {"X_Amz_Target": "TrentService.DescribeKey"}),
    ):
        status, body = send(**arguments)
        equal((status, body["__type"]), (400, expected), f"{arguments}")
    connection.close()

    connection = http.client.HTTPConnection(urllib.parse.urlparse(endpoint).netloc, timeout=10)
    connection.request("POST", "/", b" " * (256 * 1024 + 1), standard)
    answer = connection.getresponse()
    equal(answer.status, 413, "a body that is too long")
    equal(json.loads(answer.read())["__type"], "RequestEntityTooLargeException", "its error")

    other_region = "eu-north-1" if region != "eu-north-1" else "us-west-2"
    refused(
        "InvalidSignatureException",
        "credentials of another region",
        client(endpoint, other_region).list_keys,
        "Credential should be scoped to a valid region",
    )


def main():
    endpoint = sys.argv[1]
    region = sys.argv[2] if len(sys.argv) > 2 else "us-east-1"
    kms = client(endpoint, region)
    check_metadata(kms, region)
    check_create_key_errors(kms)
    check_public_keys(kms)
    check_signatures(kms)
    check_high_s(kms)
    check_sign_errors(kms)
    check_key_ids(kms, region)
    check_aliases(kms)
    check_list_keys(kms)
    check_states(kms)
    check_protocol(endpoint, region)
    equal(sorted(answered), OPERATIONS, "every operation was answered")
    equal(unlisted, set(UNLISTED_ERRORS), "every unlisted error was seen")
    print(f"emulator_boto3: {checks} checks passed")


if __name__ == "__main__":
    main()
