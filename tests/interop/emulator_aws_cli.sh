#!/usr/bin/env bash
# Checks the KMS emulator against the AWS CLI:
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

# Ignores the caller's own configuration: profiles and credentials.
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
export AWS_PAGER='' AWS_MAX_ATTEMPTS=1 AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Lets the script run again on the same server.
run=alias/cli-$(basename "$work" | tr -cd 'a-zA-Z0-9')
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

# Checks that a call fails with this error of the service.
refused() { # CODE OPERATION ARGUMENT...
    local code=$1 status=0
    shift
    kms "$@" >/dev/null 2>"$work/error" || status=$?
    # 255 in version 1 of the CLI and 254 in version 2.
    equal "exit code of $*" "${status/255/254}" 254
    equal "error of $*" "$(grep -o '([A-Za-z]*) when calling' "$work/error")" "($code) when calling"
}

state_of() { # KEY
    kms describe-key --key-id "$1" --query KeyMetadata.KeyState
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
equal "list-keys" "$(kms list-keys --page-size 1 --query "Keys[?KeyArn=='$key'].KeyArn" |
    tr -d '\n')" "$key"

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
equal "verify of Ed25519" \
    "$(kms verify --key-id "$ed25519" --message-type RAW --message "fileb://$work/message" \
        --signing-algorithm ED25519_SHA_512 --signature "fileb://$work/signature" \
        --query SignatureValid)" \
    True

for number in 1 2 3 4 5; do
    kms create-alias --alias-name "$run-$number" --target-key-id "$ed25519"
done
for page_size in 1 2 5; do
    equal "list-aliases in pages of $page_size" \
        "$(kms list-aliases --key-id "$ed25519" --page-size "$page_size" \
            --query 'Aliases[].AliasName' | tr '\t\n' '  ' | sed 's/ *$//')" \
        "$run-1 $run-2 $run-3 $run-4 $run-5"
done
kms update-alias --alias-name "$run-1" --target-key-id "$key"
equal "update-alias" "$(kms describe-key --key-id "$run-1" --query KeyMetadata.Arn)" "$key"
kms delete-alias --alias-name "$run-1"
refused NotFoundException describe-key --key-id "$run-1"

kms disable-key --key-id "$key"
equal "disable-key" "$(state_of "$key")" Disabled
kms enable-key --key-id "$key"
equal "enable-key" "$(state_of "$key")" Enabled

# Each line has an error and the call that gives it.
ecdsa=(--message "fileb://$work/message" --signing-algorithm ECDSA_SHA_256)
while IFS='|' read -r code arguments; do
    read -ra words <<<"$arguments"
    refused "${code// /}" "${words[@]}"
done <<END
NotFoundException                | describe-key --key-id alias/missing
NotFoundException                | describe-key --key-id 00000000-0000-4000-8000-000000000000
ValidationException              | sign --key-id $key ${ecdsa[*]} --message-type DIGEST
ValidationException              | create-alias --alias-name moon --target-key-id $key
ValidationException              | create-alias --alias-name $run-6 --target-key-id $run-2
InvalidArnException              | disable-key --key-id $run-2
InvalidAliasNameException        | create-alias --alias-name alias/ --target-key-id $key
NotAuthorizedException           | create-alias --alias-name alias/aws/moon --target-key-id $key
AlreadyExistsException           | create-alias --alias-name $run-2 --target-key-id $key
InvalidKeyUsageException         | sign --key-id $ed25519 ${ecdsa[*]}
DryRunOperationException         | sign --key-id $key ${ecdsa[*]} --dry-run
DryRunOperationException         | verify --key-id $key ${ecdsa[*]} --dry-run --signature fileb://$work/digest
KMSInvalidSignatureException     | verify --key-id $key ${ecdsa[*]} --signature fileb://$work/digest
KMSInvalidStateException         | cancel-key-deletion --key-id $key
InvalidMarkerException           | list-keys --no-paginate --marker moon
UnsupportedOperationException    | create-key --key-spec RSA_2048 --key-usage SIGN_VERIFY
MalformedPolicyDocumentException | create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY --policy []
TagException                     | create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY --tags TagKey=a,TagValue=1 TagKey=a,TagValue=2
UnknownOperationException        | generate-random --number-of-bytes 1
END

kms disable-key --key-id "$key"
refused DisabledException sign --key-id "$key" "${ecdsa[@]}"
equal "schedule-key-deletion" \
    "$(kms schedule-key-deletion --key-id "$key" --pending-window-in-days 7 \
        --query '[KeyId,KeyState,PendingWindowInDays]')" \
    "$(printf '%s\tPendingDeletion\t7' "$key")"
refused KMSInvalidStateException sign --key-id "$key" "${ecdsa[@]}"
equal "cancel-key-deletion" "$(kms cancel-key-deletion --key-id "$key" --query KeyId)" "$key"
equal "state after cancel-key-deletion" "$(state_of "$key")" Disabled

echo "emulator_aws_cli: $checks checks passed"
