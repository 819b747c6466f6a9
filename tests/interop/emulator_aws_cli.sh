#!/usr/bin/env bash
# Holds the KMS emulator to the AWS CLI:
#
#     emulator_aws_cli.sh ENDPOINT_URL [REGION]
#
# Needs `aws` (PyPI package awscli, or version 2) and `openssl`. Exits with 1 at the first check
# that fails.
set -euo pipefail

endpoint=${1:?usage: emulator_aws_cli.sh ENDPOINT_URL [REGION]}
region=${2:-us-east-1}
for tool in aws openssl; do
    command -v "$tool" >/dev/null || { echo "FAILED: $tool is not on PATH" >&2; exit 1; }
done

# Nothing of the caller's own configuration: neither profiles nor credentials.
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_ACCESS_KEY_ID=AKIAFAKEFAKEFAKEFAKE AWS_SECRET_ACCESS_KEY=fake
export AWS_PAGER='' AWS_MAX_ATTEMPTS=1
unset AWS_PROFILE AWS_SESSION_TOKEN

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0

kms() {
    aws kms --endpoint-url "$endpoint" --region "$region" --output text "$@"
}

equal() { # WHAT ACTUAL EXPECTED
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: got '$2', expected '$3'" >&2
        exit 1
    fi
    checks=$((checks + 1))
}

# Signs a file with an ECDSA key in KMS, and verifies the signature with KMS and with OpenSSL.
check_ecdsa() { # KEY MESSAGE_TYPE MESSAGE_FILE
    local options=(--key-id "$1" --message-type "$2" --message "fileb://$3"
        --signing-algorithm ECDSA_SHA_256)
    kms sign "${options[@]}" --query Signature | base64 -d >"$work/signature"
    equal "verify $2" \
        "$(kms verify "${options[@]}" --signature "fileb://$work/signature" --query SignatureValid)" \
        True
    kms get-public-key --key-id "$1" --query PublicKey | base64 -d >"$work/public.der"
    equal "openssl dgst -verify of $2" \
        "$(openssl dgst -sha256 -verify "$work/public.der" -keyform DER \
            -signature "$work/signature" "$work/message")" \
        "Verified OK"
}

printf 'a message' >"$work/message"
openssl dgst -sha256 -binary -out "$work/digest" "$work/message"

for spec in ECC_SECG_P256K1 ECC_NIST_P256; do
    key=$(kms create-key --key-spec "$spec" --key-usage SIGN_VERIFY --query KeyMetadata.Arn)
    equal "describe-key $spec" \
        "$(kms describe-key --key-id "$key" --query 'KeyMetadata.[Arn,KeySpec,KeyState]')" \
        "$(printf '%s\t%s\tEnabled' "$key" "$spec")"
    check_ecdsa "$key" RAW "$work/message"
    check_ecdsa "$key" DIGEST "$work/digest"
done

ed25519=$(kms create-key --key-spec ECC_NIST_EDWARDS25519 --key-usage SIGN_VERIFY \
    --query KeyMetadata.KeyId)
kms sign --key-id "$ed25519" --message-type RAW --message "fileb://$work/message" \
    --signing-algorithm ED25519_SHA_512 --query Signature | base64 -d >"$work/signature"
equal "Ed25519 signature length" "$(wc -c <"$work/signature" | tr -d ' ')" 64
kms get-public-key --key-id "$ed25519" --query PublicKey | base64 -d >"$work/public.der"
equal "openssl pkeyutl -verify of Ed25519" \
    "$(openssl pkeyutl -verify -pubin -inkey "$work/public.der" -keyform DER -rawin \
        -in "$work/message" -sigfile "$work/signature")" \
    "Signature Verified Successfully"

for number in 1 2 3 4 5; do
    kms create-alias --alias-name "alias/cli-$number" --target-key-id "$ed25519"
done
for page_size in 1 2 5; do
    equal "list-aliases in pages of $page_size" \
        "$(kms list-aliases --key-id "$ed25519" --page-size "$page_size" \
            --query 'Aliases[].AliasName' | tr '\t\n' '  ' | sed 's/ *$//')" \
        "alias/cli-1 alias/cli-2 alias/cli-3 alias/cli-4 alias/cli-5"
done

# The code for an error of the service: 255 in version 1 of the CLI and 254 in version 2.
status=0
kms describe-key --key-id alias/missing >/dev/null 2>"$work/error" || status=$?
equal "exit code of an error" "${status/255/254}" 254
equal "message of an error" \
    "$(grep -c '(NotFoundException) when calling the DescribeKey operation' "$work/error")" 1

echo "emulator_aws_cli: $checks checks passed"
