/* Signing, hashing and random numbers. */
#include "faults.h"
#include "module.h"
#include "sm2.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#define SM3_SIZE 32
#define MAX_USER_ID 8191 /* its length in bits must fit the two bytes of ENTL */

static const struct sign_mechanism {
    CK_MECHANISM_TYPE type;
    bool hashes, with_id, der;
} SIGNING[] = {
    {CKM_VENDOR_SM2_DER, false, false, true},
    {CKM_VENDOR_SM2_RAW, false, false, false},
    {CKM_VENDOR_SM3_SM2_ID_DER, true, true, true},
    {CKM_VENDOR_SM3_SM2_ID_RAW, true, true, false},
    {CKM_VENDOR_SM3_SM2_DER, true, false, true},
    {CKM_VENDOR_SM3_SM2_RAW, true, false, false},
};
#define SIGNING_COUNT (sizeof SIGNING / sizeof *SIGNING)

static const struct sign_mechanism *signing_mechanism(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < SIGNING_COUNT; i++)
        if (SIGNING[i].type == type)
            return &SIGNING[i];
    return NULL;
}

/* ------------------------------------------------------------------------ what is on offer */

CK_RV C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE *out, CK_ULONG *count)
{
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (count == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = slot_with_token(id)) != CKR_OK)
        return leave(result);
    CK_ULONG room = *count;
    *count = SIGNING_COUNT + 2;
    if (out == NULL)
        return leave(CKR_OK);
    if (room < *count)
        return leave(CKR_BUFFER_TOO_SMALL);
    for (size_t i = 0; i < SIGNING_COUNT; i++)
        *out++ = SIGNING[i].type;
    *out++ = CKM_VENDOR_SM2_KEY_PAIR_GEN;
    *out = CKM_VENDOR_SM3;
    return leave(CKR_OK);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *out)
{
    const CK_FLAGS curve = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = slot_with_token(id)) != CKR_OK)
        return leave(result);
    *out = (CK_MECHANISM_INFO){256, 256, 0};
    if (signing_mechanism(type) != NULL)
        out->flags = CKF_SIGN | curve;
    else if (type == CKM_VENDOR_SM2_KEY_PAIR_GEN)
        out->flags = CKF_GENERATE_KEY_PAIR | curve;
    else if (type == CKM_VENDOR_SM3)
        *out = (CK_MECHANISM_INFO){0, 0, CKF_DIGEST};
    else
        result = CKR_MECHANISM_INVALID;
    return leave(result);
}

/* ------------------------------------------------------------------------ signing */

void signing_end(struct signing *sign)
{
    EVP_MD_CTX_free(sign->hash);
    EVP_PKEY_free(sign->key);
    *sign = (struct signing){0};
}

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key_handle)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (mechanism == NULL || (mechanism->pParameter == NULL && mechanism->ulParameterLen > 0))
        return leave(CKR_ARGUMENTS_BAD);
    struct signing *sign = &session->sign;
    if (sign->active)
        return leave(CKR_OPERATION_ACTIVE);
    const struct sign_mechanism *how = signing_mechanism(mechanism->mechanism);
    if (how == NULL)
        return leave(CKR_MECHANISM_INVALID);
    const unsigned char *id = mechanism->pParameter;
    CK_ULONG id_length = mechanism->ulParameterLen;
    if ((!how->with_id && id_length > 0) || id_length > MAX_USER_ID)
        return leave(CKR_MECHANISM_PARAM_INVALID);
    if (session->slot->login != USER)
        return leave(CKR_USER_NOT_LOGGED_IN);
    struct vk_object *object = find_object(session, key_handle);
    if (object == NULL)
        return leave(CKR_KEY_HANDLE_INVALID);
    if (vk_number(object, CKA_CLASS) != CKO_PRIVATE_KEY)
        return leave(CKR_KEY_TYPE_INCONSISTENT);
    if (!vk_flag(object, CKA_SIGN))
        return leave(CKR_KEY_FUNCTION_NOT_PERMITTED);
    EVP_PKEY *key = sm2_key(object);
    if (key == NULL || EVP_PKEY_up_ref(key) != 1)
        return leave(CKR_DEVICE_ERROR);
    *sign = (struct signing){.active = true, .mechanism = how, .key = key};
    if (how->with_id && id_length == 0)
        sign->hash = sm2_begin_with_id(key, (const unsigned char *)SM2_DEFAULT_ID,
                                       sizeof SM2_DEFAULT_ID - 1);
    else if (how->hashes)
        sign->hash = how->with_id ? sm2_begin_with_id(key, id, id_length) : sm3_begin();
    if (how->hashes && sign->hash == NULL) {
        signing_end(sign);
        return leave(CKR_DEVICE_ERROR);
    }
    return leave(CKR_OK);
}

static size_t sign_der(struct signing *sign, const CK_BYTE *data, unsigned char *der)
{
    unsigned char e[SM3_SIZE];
    if (!sign->mechanism->hashes)
        return sm2_sign_e(sign->key, data, der);
    if (sign->mechanism->with_id)
        return sm2_finish_with_id(sign->hash, der);
    return EVP_DigestFinal_ex(sign->hash, e, NULL) == 1 ? sm2_sign_e(sign->key, e, der) : 0;
}

/* A value that is shaped right and signs nothing: some other e. */
static bool spoil(EVP_PKEY *key, unsigned char *der, size_t *length)
{
    unsigned char e[SM2_E_SIZE];
    *length = RAND_bytes(e, sizeof e) == 1 ? sm2_sign_e(key, e, der) : 0;
    return *length > 0;
}

/* Ends the operation, after the faults that were ordered. `data` is e for the mechanisms without hash. */
static CK_RV make_signature(struct session *session, const CK_BYTE *data, CK_BYTE *out,
                            CK_ULONG *out_length)
{
    CK_SESSION_HANDLE handle = session->handle;
    struct slot *slot = session->slot;
    struct signing *sign = &session->sign;
    unsigned long latency_ms;
    char in[VP_PATH_SIZE], away[VP_PATH_SIZE];
    enum vk_sign_fault fault = vk_next_signature(slot->id, &latency_ms);
    if (latency_ms > 0)
        vp_sleep_ms(latency_ms);
    if (fault == VK_PULL_OUT && slot_path(slot, ".vukey", in)
        && slot_path(slot, ".vukey.out", away))
        (void)vp_rename(in, away);
    if (refresh(slot) != CKR_OK || find_session(handle) == NULL)
        return CKR_DEVICE_REMOVED; /* the session is gone, and the operation with it */
    unsigned char der[SM2_DER_MAX];
    size_t length = fault == VK_DEVICE_ERROR ? 0 : sign_der(sign, data, der);
    bool made = length > 0;
    if (made && (fault == VK_GARBAGE || fault == VK_MALFORMED))
        made = spoil(sign->key, der, &length);
    if (made && sign->mechanism->der) {
        memcpy(out, der, length);
        *out_length = (CK_ULONG)length;
    } else if (made) {
        made = sm2_der_to_raw(der, length, out);
        *out_length = SM2_RAW_SIZE;
    }
    if (made && fault == VK_MALFORMED) {
        out[0] = 0x30;
        *out_length -= 7;
    }
    signing_end(sign);
    return made ? CKR_OK : CKR_DEVICE_ERROR;
}

/* True: the caller only asked for the size, or must come again with more room. */
static bool needs_room(const struct signing *sign, const CK_BYTE *out, CK_ULONG *out_length, CK_RV *result)
{
    CK_ULONG needed = sign->mechanism->der ? SM2_DER_MAX : SM2_RAW_SIZE;
    bool enough = out != NULL && *out_length >= needed;
    *result = out == NULL || enough ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    if (!enough)
        *out_length = needed;
    return !enough;
}

static CK_RV fail(struct signing *sign, CK_RV result)
{
    signing_end(sign);
    return leave(result);
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG length, CK_BYTE *out,
             CK_ULONG *out_length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct signing *sign = &session->sign;
    if (!sign->active || sign->multipart)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (out_length == NULL || (data == NULL && length > 0))
        return fail(sign, CKR_ARGUMENTS_BAD);
    if (!sign->mechanism->hashes && length != SM2_E_SIZE)
        return fail(sign, CKR_DATA_LEN_RANGE);
    if (needs_room(sign, out, out_length, &result))
        return leave(result);
    if (sign->hash != NULL && length > 0
        && EVP_DigestUpdate(sign->hash, data, length) != 1)
        return fail(sign, CKR_DEVICE_ERROR);
    return leave(make_signature(session, data, out, out_length));
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct signing *sign = &session->sign;
    if (!sign->active)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (!sign->mechanism->hashes) /* e comes in one piece */
        return fail(sign, CKR_FUNCTION_NOT_SUPPORTED);
    if (data == NULL && length > 0)
        return fail(sign, CKR_ARGUMENTS_BAD);
    if (length > 0 && EVP_DigestUpdate(sign->hash, data, length) != 1)
        return fail(sign, CKR_DEVICE_ERROR);
    sign->multipart = true;
    return leave(CKR_OK);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, CK_BYTE *out, CK_ULONG *out_length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct signing *sign = &session->sign;
    if (!sign->active || !sign->mechanism->hashes)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (out_length == NULL)
        return fail(sign, CKR_ARGUMENTS_BAD);
    if (needs_room(sign, out, out_length, &result))
        return leave(result);
    return leave(make_signature(session, NULL, out, out_length));
}

/* ------------------------------------------------------------------------ SM3 */

static CK_RV digest_end(struct session *session, CK_RV result)
{
    EVP_MD_CTX_free(session->digest);
    session->digest = NULL;
    session->digest_multipart = false;
    return leave(result);
}

static CK_RV digest_finish(struct session *session, CK_BYTE *out, CK_ULONG *out_length)
{
    CK_ULONG room = *out_length;
    *out_length = SM3_SIZE;
    if (out == NULL)
        return leave(CKR_OK);
    if (room < SM3_SIZE)
        return leave(CKR_BUFFER_TOO_SMALL);
    bool made = EVP_DigestFinal_ex(session->digest, out, NULL) == 1;
    return digest_end(session, made ? CKR_OK : CKR_DEVICE_ERROR);
}

CK_RV C_DigestInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (mechanism == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (session->digest != NULL)
        return leave(CKR_OPERATION_ACTIVE);
    if (mechanism->mechanism != CKM_VENDOR_SM3)
        return leave(CKR_MECHANISM_INVALID);
    if (mechanism->ulParameterLen != 0)
        return leave(CKR_MECHANISM_PARAM_INVALID);
    session->digest = sm3_begin();
    return leave(session->digest != NULL ? CKR_OK : CKR_HOST_MEMORY);
}

CK_RV C_Digest(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG length, CK_BYTE *out,
               CK_ULONG *out_length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (session->digest == NULL || session->digest_multipart)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (out_length == NULL || (data == NULL && length > 0))
        return digest_end(session, CKR_ARGUMENTS_BAD);
    if (out != NULL && *out_length >= SM3_SIZE && length > 0
        && EVP_DigestUpdate(session->digest, data, length) != 1)
        return digest_end(session, CKR_DEVICE_ERROR);
    return digest_finish(session, out, out_length);
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (session->digest == NULL)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (data == NULL && length > 0)
        return digest_end(session, CKR_ARGUMENTS_BAD);
    if (length > 0 && EVP_DigestUpdate(session->digest, data, length) != 1)
        return digest_end(session, CKR_DEVICE_ERROR);
    session->digest_multipart = true;
    return leave(CKR_OK);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE handle, CK_BYTE *out, CK_ULONG *out_length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (session->digest == NULL)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (out_length == NULL)
        return digest_end(session, CKR_ARGUMENTS_BAD);
    return digest_finish(session, out, out_length);
}

/* ------------------------------------------------------------------------ random */

CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, CK_BYTE *seed, CK_ULONG length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    (void)seed;
    (void)length;
    return result != CKR_OK ? result : leave(CKR_RANDOM_SEED_NOT_SUPPORTED);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, CK_BYTE *out, CK_ULONG length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (out == NULL || length > INT32_MAX)
        return leave(CKR_ARGUMENTS_BAD);
    return leave(length == 0 || RAND_bytes(out, (int)length) == 1 ? CKR_OK : CKR_DEVICE_ERROR);
}
