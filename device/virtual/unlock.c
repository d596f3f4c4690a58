/* Unlocking the PIN by a signed statement of the platform, besides the security officer's way.
 *
 * PKCS#11 has no such call, so these are functions of this module's own:
 *
 *   SDV_PinUnlocker        whose statements count: the first is set by the user, another one only by
 *                          the security officer; the secret of unlocking is made and encrypted to it,
 *                          together with SM3 of each public key on the token
 *   SDV_GetUnlockRequest   nonce and encrypted secret, for an application to the platform; no PIN
 *   SDV_UnlockPin          a statement and a new PIN
 *
 * A statement is UTF-8 of nine lines, each ended by a line feed, signed with SM2 (SM3, default id):
 *
 *   SUQIAN-UKEY-UNLOCK-V1 | origin | application | token's serial number | certificate's, hex
 *   | nonce, 32 hex | not before | not after (Unix seconds, 24 hours apart at most) | secret, 64 hex
 *
 * The recipient tells the secret only for a certificate whose key is named beside it: otherwise who has
 * a copy of another's file could get its secret with an approved application of his own. A new key
 * pair makes nonce and secret anew (keypair.c).
 *
 * Used once: the nonce and the secret are replaced in the same write that sets the new PIN, so a
 * power cut leaves either the old PIN and a statement that is still good, or the new PIN and one
 * that is not. Who copies an older file back brings its nonce back with it, and then the statement
 * counts again within its term: a file cannot know that it is old. The time is the computer's: a
 * clock set back makes a statement last longer.
 */
#include "module.h"
#include "sm2.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#define FIRST_LINE "SUQIAN-UKEY-UNLOCK-V1"
#define LINES 9
#define STATEMENT_MAX 1024
#define LONGEST 86400
#define CLOCK_SLACK 300
#define WRAPPED_POINT 2 /* CKA_EC_POINT: the point in a DER OCTET STRING */

enum line { TITLE, ORIGIN, APPLICATION, SERIAL, CERTIFICATE, NONCE, NOT_BEFORE, NOT_AFTER, SECRET };

struct text { const char *at; size_t length; };

CK_EXPORT CK_RV SDV_PinUnlocker(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG);
CK_EXPORT CK_RV SDV_GetUnlockRequest(CK_SLOT_ID, CK_BYTE *, CK_ULONG *);
CK_EXPORT CK_RV SDV_UnlockPin(CK_SLOT_ID, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_UTF8CHAR *,
                              CK_ULONG);

/* ------------------------------------------------------------------------ the secret */

/* The public point of a key pair here, or NULL for another object, or one that is locked. */
static const unsigned char *point_of(const struct vk_object *object)
{
    if (object->attributes == NULL || vk_number(object, CKA_CLASS) != CKO_PRIVATE_KEY)
        return NULL;
    const struct vk_attribute *point = vk_get(object, CKA_EC_POINT);
    return point != NULL && point->length == WRAPPED_POINT + VK_POINT_SIZE
               ? point->value + WRAPPED_POINT
               : NULL;
}

/* SM3 of X || Y of the newest key pairs, one after the other; gives how many. */
static size_t name_keys(const struct vk_token *token, unsigned char *names)
{
    size_t pairs = 0, told = 0;
    for (const struct vk_object *object = token->objects; object != NULL; object = object->next)
        pairs += point_of(object) != NULL;
    for (const struct vk_object *object = token->objects; object != NULL; object = object->next) {
        const unsigned char *point = point_of(object);
        if (point == NULL || pairs-- > VK_POINTS_TOLD)
            continue;
        if (!sm3(point + 1, VK_POINT_SIZE - 1, names + SM3_SIZE * told++))
            return 0;
    }
    return told;
}

bool unlocking_renew(struct vk_token *token, const unsigned char token_key[VK_KEY_SIZE])
{
    struct vk_unlocking *unlocking = &token->unlocking;
    unsigned char plain[VK_KEY_SIZE + SM3_SIZE * VK_POINTS_TOLD];
    EVP_PKEY *recipient = sm2_public_key(unlocking->recipient);
    size_t length = 0;
    bool made = recipient != NULL && vk_unlock(token, token_key)
        && RAND_bytes(unlocking->nonce, VK_ID_SIZE) == 1
        && RAND_priv_bytes(plain, VK_KEY_SIZE) == 1
        && vk_seal_key(token, plain, token_key, unlocking->sealed_key);
    if (made) {
        size_t told = VK_KEY_SIZE + SM3_SIZE * name_keys(token, plain + VK_KEY_SIZE);
        length = sm2_encrypt(recipient, plain, told, unlocking->cipher);
    }
    unlocking->cipher_length = (uint32_t)length;
    unlocking->names_keys = true;
    OPENSSL_cleanse(plain, sizeof plain);
    EVP_PKEY_free(recipient);
    return length > 0;
}

static bool is_point(const CK_BYTE *point, CK_ULONG length)
{
    EVP_PKEY *key = length == VK_POINT_SIZE ? sm2_public_key(point) : NULL;
    EVP_PKEY_free(key);
    return key != NULL;
}

CK_RV SDV_PinUnlocker(CK_SESSION_HANDLE handle, CK_BYTE *signer, CK_ULONG signer_length,
                      CK_BYTE *recipient, CK_ULONG recipient_length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct slot *slot = session->slot;
    if (signer == NULL || recipient == NULL || !is_point(signer, signer_length)
        || !is_point(recipient, recipient_length))
        return leave(CKR_ARGUMENTS_BAD);
    if (!(session->flags & CKF_RW_SESSION))
        return leave(CKR_SESSION_READ_ONLY);
    if (slot->login == NOBODY)
        return leave(CKR_USER_NOT_LOGGED_IN);
    if ((result = change_begin(slot)) != CKR_OK)
        return leave(result);
    struct vk_unlocking *unlocking = &slot->token.unlocking;
    if (slot->login == NOBODY) /* ended by what another process did meanwhile */
        return leave(change_end(slot, CKR_USER_NOT_LOGGED_IN));
    bool same = memcmp(unlocking->signer, signer, VK_POINT_SIZE) == 0
        && memcmp(unlocking->recipient, recipient, VK_POINT_SIZE) == 0;
    if (unlocking->pinned && slot->login != OFFICER && (!same || unlocking->names_keys))
        return leave(change_end(slot, CKR_ACTION_PROHIBITED));
    memcpy(unlocking->signer, signer, VK_POINT_SIZE);
    memcpy(unlocking->recipient, recipient, VK_POINT_SIZE);
    unlocking->pinned = true;
    bool renewed = unlocking_renew(&slot->token, slot->token_key);
    if (slot->login == OFFICER) /* private objects are the user's alone */
        vk_relock(&slot->token);
    return leave(change_end(slot, renewed ? CKR_OK : CKR_DEVICE_ERROR));
}

/* signer 65 | nonce 16 | encrypted secret */
CK_RV SDV_GetUnlockRequest(CK_SLOT_ID id, CK_BYTE *out, CK_ULONG *length)
{
    struct slot *slot;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (length == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = find_slot(id, &slot)) != CKR_OK)
        return leave(result);
    const struct vk_unlocking *unlocking = &slot->token.unlocking;
    if (!unlocking->pinned)
        return leave(CKR_FUNCTION_NOT_SUPPORTED);
    CK_ULONG room = *length;
    *length = VK_POINT_SIZE + VK_ID_SIZE + unlocking->cipher_length;
    if (out == NULL)
        return leave(CKR_OK);
    if (room < *length)
        return leave(CKR_BUFFER_TOO_SMALL);
    memcpy(out, unlocking->signer, VK_POINT_SIZE);
    memcpy(out + VK_POINT_SIZE, unlocking->nonce, VK_ID_SIZE);
    memcpy(out + VK_POINT_SIZE + VK_ID_SIZE, unlocking->cipher, unlocking->cipher_length);
    return leave(CKR_OK);
}

/* ------------------------------------------------------------------------ the statement */

static bool split(const CK_BYTE *statement, CK_ULONG length, struct text lines[LINES])
{
    const char *at = (const char *)statement, *end = at + length;
    for (int i = 0; i < LINES; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL || stop == at)
            return false;
        lines[i] = (struct text){at, (size_t)(stop - at)};
        at = stop + 1;
    }
    return at == end && memchr(statement, '\0', length) == NULL;
}

static bool says(struct text line, const char *expected, size_t length)
{
    return line.length == length && memcmp(line.at, expected, length) == 0;
}

static bool read_hex(struct text line, unsigned char *out, size_t size)
{
    if (line.length != 2 * size)
        return false;
    for (size_t i = 0; i < line.length; i++) {
        char c = line.at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        out[i / 2] = (unsigned char)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

static bool read_time(struct text line, long long *out)
{
    *out = 0;
    for (size_t i = 0; i < line.length; i++) {
        if (i >= 12 || line.at[i] < '0' || line.at[i] > '9')
            return false;
        *out = *out * 10 + (line.at[i] - '0');
    }
    return true;
}

static CK_RV check_term(const struct text lines[LINES])
{
    long long from, until, now = (long long)time(NULL);
    if (!read_time(lines[NOT_BEFORE], &from) || !read_time(lines[NOT_AFTER], &until)
        || until < from || until - from > LONGEST)
        return CKR_SDV_STATEMENT_INVALID;
    return now < from - CLOCK_SLACK || now > until ? CKR_SDV_STATEMENT_EXPIRED : CKR_OK;
}

/* Signed by whom it must be, about this token, in its term, not used before. */
static CK_RV check_statement(const struct vk_token *token, const CK_BYTE *statement, CK_ULONG length,
                             const CK_BYTE *signature, CK_ULONG signature_length,
                             struct text lines[LINES])
{
    unsigned char nonce[VK_ID_SIZE];
    size_t serial = sizeof token->serial;
    if (!token->unlocking.pinned)
        return CKR_FUNCTION_NOT_SUPPORTED;
    EVP_PKEY *signer = sm2_public_key(token->unlocking.signer);
    bool right = signer != NULL && signature_length <= SM2_DER_MAX
        && sm2_verify(signer, statement, length, signature, signature_length);
    EVP_PKEY_free(signer);
    if (!right)
        return CKR_SIGNATURE_INVALID;
    if (!split(statement, length, lines) || !says(lines[TITLE], FIRST_LINE, strlen(FIRST_LINE))
        || !read_hex(lines[NONCE], nonce, VK_ID_SIZE))
        return CKR_SDV_STATEMENT_INVALID;
    while (serial > 0 && (token->serial[serial - 1] == ' ' || token->serial[serial - 1] == '\0'))
        serial--;
    if (!says(lines[SERIAL], token->serial, serial))
        return CKR_SDV_STATEMENT_OTHER;
    CK_RV result = check_term(lines);
    if (result == CKR_OK && CRYPTO_memcmp(nonce, token->unlocking.nonce, VK_ID_SIZE) != 0)
        return CKR_SDV_STATEMENT_USED;
    return result;
}

/* Its serial number in small hex digits without leading zeros, as the platform writes it. */
static bool has_number(const X509 *certificate, struct text wanted)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *digits = number != NULL ? BN_bn2hex(number) : NULL;
    const char *at = digits;
    bool same = false;
    if (at != NULL) {
        while (*at == '0' && at[1] != '\0')
            at++;
        same = strlen(at) == wanted.length;
        for (size_t i = 0; same && i < wanted.length; i++) {
            char small = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] - 'A' + 'a') : at[i];
            same = small == wanted.at[i];
        }
    }
    OPENSSL_free(digits);
    BN_free(number);
    return same;
}

static bool has_private_key(const struct vk_token *token, const ASN1_BIT_STRING *point)
{
    for (struct vk_object *object = token->objects; object != NULL; object = object->next) {
        const unsigned char *own = point_of(object);
        if (own != NULL && ASN1_STRING_length(point) == VK_POINT_SIZE
            && memcmp(own, ASN1_STRING_get0_data(point), VK_POINT_SIZE) == 0)
            return true;
    }
    return false;
}

/* Is that certificate here, for a private key that is here? Certificates alone anybody may put. The
   token is unlocked for this. */
static bool holds(const struct vk_token *token, struct text wanted)
{
    bool found = false;
    for (struct vk_object *object = token->objects; !found && object != NULL; object = object->next) {
        if (object->attributes == NULL || vk_number(object, CKA_CLASS) != CKO_CERTIFICATE)
            continue;
        const struct vk_attribute *value = vk_get(object, CKA_VALUE);
        const unsigned char *at = value != NULL ? value->value : NULL;
        X509 *certificate = value != NULL ? d2i_X509(NULL, &at, (long)value->length) : NULL;
        found = certificate != NULL && has_number(certificate, wanted)
            && has_private_key(token, X509_get0_pubkey_bitstr(certificate));
        X509_free(certificate);
    }
    return found;
}

/* ------------------------------------------------------------------------ unlocking */

/* Inside a change, the statement checked: open the token key, set the PIN, use the statement up. */
static CK_RV unlock(struct vk_token *token, const struct text lines[LINES], const CK_UTF8CHAR *pin,
                    CK_ULONG length)
{
    unsigned char secret[VK_KEY_SIZE], token_key[VK_KEY_SIZE];
    CK_RV result = CKR_OK;
    if (!read_hex(lines[SECRET], secret, VK_KEY_SIZE) || !vk_unseal_key(token, secret, token_key))
        result = CKR_SDV_STATEMENT_INVALID;
    else if (!vk_unlock(token, token_key))
        result = CKR_DEVICE_ERROR;
    else if (!holds(token, lines[CERTIFICATE]))
        result = CKR_SDV_STATEMENT_OTHER;
    if (result == CKR_OK && !unlocking_renew(token, token_key))
        result = CKR_DEVICE_ERROR;
    vk_relock(token);
    if (result == CKR_OK)
        result = set_user_pin(token, pin, length, token_key);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(token_key, sizeof token_key);
    return result;
}

CK_RV SDV_UnlockPin(CK_SLOT_ID id, CK_BYTE *statement, CK_ULONG length, CK_BYTE *signature,
                    CK_ULONG signature_length, CK_UTF8CHAR *pin, CK_ULONG pin_length)
{
    struct text lines[LINES];
    struct slot *slot;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (statement == NULL || signature == NULL || pin == NULL || length > STATEMENT_MAX)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = find_slot(id, &slot)) != CKR_OK)
        return leave(result);
    if (has_session(slot, false))
        return leave(CKR_SESSION_EXISTS);
    if (!slot->token.initialised)
        return leave(CKR_TOKEN_NOT_RECOGNIZED);
    if (!pin_length_ok(pin_length))
        return leave(CKR_PIN_LEN_RANGE);
    if ((result = change_begin(slot)) != CKR_OK)
        return leave(result);
    result = check_statement(&slot->token, statement, length, signature, signature_length, lines);
    if (result == CKR_OK)
        result = unlock(&slot->token, lines, pin, pin_length);
    return leave(change_end(slot, result));
}
