/* The virtual Ukey as a PKCS#11 v2.40 module: the function list, and what this key does not do.
 *
 * It behaves as a careful smart key does, for demo, tests and training. It is software: whoever has
 * the token file can guess PINs at leisure, so it must never hold the key of a real seal.
 */
#include "module.h"

/* What this key does not do, once for every signature of the standard. */
#define UNUSED(x) (void)(x)
#define REFUSE return CKR_FUNCTION_NOT_SUPPORTED

static CK_RV no_key_init(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k)
{
    UNUSED(s), UNUSED(m), UNUSED(k);
    REFUSE;
}
static CK_RV no_transform(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *m)
{
    UNUSED(s), UNUSED(in), UNUSED(n), UNUSED(out), UNUSED(m);
    REFUSE;
}
static CK_RV no_output(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG *n)
{
    UNUSED(s), UNUSED(out), UNUSED(n);
    REFUSE;
}
static CK_RV no_input(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG n)
{
    UNUSED(s), UNUSED(in), UNUSED(n);
    REFUSE;
}
static CK_RV no_object(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
    UNUSED(s), UNUSED(o);
    REFUSE;
}
static CK_RV no_verify(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG n, CK_BYTE *value, CK_ULONG m)
{
    UNUSED(s), UNUSED(in), UNUSED(n), UNUSED(value), UNUSED(m);
    REFUSE;
}
static CK_RV no_set_state(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG n, CK_OBJECT_HANDLE k,
                          CK_OBJECT_HANDLE l)
{
    UNUSED(s), UNUSED(in), UNUSED(n), UNUSED(k), UNUSED(l);
    REFUSE;
}
static CK_RV no_copy(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n,
                     CK_OBJECT_HANDLE *out)
{
    UNUSED(s), UNUSED(o), UNUSED(t), UNUSED(n), UNUSED(out);
    REFUSE;
}
static CK_RV no_size(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ULONG *out)
{
    UNUSED(s), UNUSED(o), UNUSED(out);
    REFUSE;
}
static CK_RV no_generate(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n,
                         CK_OBJECT_HANDLE *out)
{
    UNUSED(s), UNUSED(m), UNUSED(t), UNUSED(n), UNUSED(out);
    REFUSE;
}
static CK_RV no_wrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_OBJECT_HANDLE l,
                     CK_BYTE *out, CK_ULONG *n)
{
    UNUSED(s), UNUSED(m), UNUSED(k), UNUSED(l), UNUSED(out), UNUSED(n);
    REFUSE;
}
static CK_RV no_unwrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_BYTE *in, CK_ULONG n,
                       CK_ATTRIBUTE *t, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
    UNUSED(s), UNUSED(m), UNUSED(k), UNUSED(in), UNUSED(n), UNUSED(t), UNUSED(count), UNUSED(out);
    REFUSE;
}
static CK_RV no_derive(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_ATTRIBUTE *t,
                       CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    UNUSED(s), UNUSED(m), UNUSED(k), UNUSED(t), UNUSED(n), UNUSED(out);
    REFUSE;
}
static CK_RV not_parallel(CK_SESSION_HANDLE s)
{
    UNUSED(s);
    return CKR_FUNCTION_NOT_PARALLEL;
}

CK_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out);

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = C_Initialize,
    .C_Finalize = C_Finalize,
    .C_GetInfo = C_GetInfo,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = C_GetSlotList,
    .C_GetSlotInfo = C_GetSlotInfo,
    .C_GetTokenInfo = C_GetTokenInfo,
    .C_GetMechanismList = C_GetMechanismList,
    .C_GetMechanismInfo = C_GetMechanismInfo,
    .C_InitToken = C_InitToken,
    .C_InitPIN = C_InitPIN,
    .C_SetPIN = C_SetPIN,
    .C_OpenSession = C_OpenSession,
    .C_CloseSession = C_CloseSession,
    .C_CloseAllSessions = C_CloseAllSessions,
    .C_GetSessionInfo = C_GetSessionInfo,
    .C_GetOperationState = no_output,
    .C_SetOperationState = no_set_state,
    .C_Login = C_Login,
    .C_Logout = C_Logout,
    .C_CreateObject = C_CreateObject,
    .C_CopyObject = no_copy,
    .C_DestroyObject = C_DestroyObject,
    .C_GetObjectSize = no_size,
    .C_GetAttributeValue = C_GetAttributeValue,
    .C_SetAttributeValue = C_SetAttributeValue,
    .C_FindObjectsInit = C_FindObjectsInit,
    .C_FindObjects = C_FindObjects,
    .C_FindObjectsFinal = C_FindObjectsFinal,
    .C_EncryptInit = no_key_init,
    .C_Encrypt = no_transform,
    .C_EncryptUpdate = no_transform,
    .C_EncryptFinal = no_output,
    .C_DecryptInit = no_key_init,
    .C_Decrypt = no_transform,
    .C_DecryptUpdate = no_transform,
    .C_DecryptFinal = no_output,
    .C_DigestInit = C_DigestInit,
    .C_Digest = C_Digest,
    .C_DigestUpdate = C_DigestUpdate,
    .C_DigestKey = no_object,
    .C_DigestFinal = C_DigestFinal,
    .C_SignInit = C_SignInit,
    .C_Sign = C_Sign,
    .C_SignUpdate = C_SignUpdate,
    .C_SignFinal = C_SignFinal,
    .C_SignRecoverInit = no_key_init,
    .C_SignRecover = no_transform,
    .C_VerifyInit = no_key_init,
    .C_Verify = no_verify,
    .C_VerifyUpdate = no_input,
    .C_VerifyFinal = no_input,
    .C_VerifyRecoverInit = no_key_init,
    .C_VerifyRecover = no_transform,
    .C_DigestEncryptUpdate = no_transform,
    .C_DecryptDigestUpdate = no_transform,
    .C_SignEncryptUpdate = no_transform,
    .C_DecryptVerifyUpdate = no_transform,
    .C_GenerateKey = no_generate,
    .C_GenerateKeyPair = C_GenerateKeyPair,
    .C_WrapKey = no_wrap,
    .C_UnwrapKey = no_unwrap,
    .C_DeriveKey = no_derive,
    .C_SeedRandom = C_SeedRandom,
    .C_GenerateRandom = C_GenerateRandom,
    .C_GetFunctionStatus = not_parallel,
    .C_CancelFunction = not_parallel,
    .C_WaitForSlotEvent = C_WaitForSlotEvent,
};

CK_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    if (out == NULL)
        return CKR_ARGUMENTS_BAD;
    *out = &functions;
    return CKR_OK;
}
