/* Key pairs: generated inside, never brought in, never taken out. */
#include "module.h"
#include "sm2.h"

static bool all_flags(const struct vk_object *object, const CK_ATTRIBUTE_TYPE *types, size_t count,
                      bool wanted)
{
    for (size_t i = 0; i < count; i++)
        if (vk_flag(object, types[i]) != wanted)
            return false;
    return true;
}

static bool set_flags(struct vk_object *object, const CK_ATTRIBUTE_TYPE *types, size_t count, bool flag)
{
    for (size_t i = 0; i < count; i++)
        if (!vk_set_flag(object, types[i], flag))
            return false;
    return true;
}

static const CK_ATTRIBUTE_TYPE PRIVATE_ON[] = {CKA_PRIVATE, CKA_SENSITIVE};
static const CK_ATTRIBUTE_TYPE PRIVATE_OFF[] = {CKA_EXTRACTABLE, CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE,
                                               CKA_SIGN_RECOVER, CKA_ALWAYS_AUTHENTICATE};
static const CK_ATTRIBUTE_TYPE PUBLIC_OFF[] = {CKA_ENCRYPT, CKA_WRAP, CKA_DERIVE, CKA_VERIFY_RECOVER};
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Defaults, then the caller's wishes, then the rules no caller may bend. */
static CK_RV prepare_public(struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count)
{
    CK_ATTRIBUTE curve = {CKA_EC_PARAMS, (void *)SM2_CURVE, sizeof SM2_CURVE};
    if (!set_flags(object, PUBLIC_OFF, LENGTH(PUBLIC_OFF), false)
        || !vk_set_flag(object, CKA_VERIFY, true)
        || !vk_set(object, CKA_EC_PARAMS, SM2_CURVE, sizeof SM2_CURVE))
        return CKR_HOST_MEMORY;
    CK_RV result = template_apply(object, template, count, CKO_PUBLIC_KEY);
    if (result != CKR_OK)
        return result;
    return all_flags(object, PUBLIC_OFF, LENGTH(PUBLIC_OFF), false)
                   && template_matches(object, &curve, 1)
               ? CKR_OK
               : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV prepare_private(struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count)
{
    if (!set_flags(object, PRIVATE_ON, LENGTH(PRIVATE_ON), true)
        || !set_flags(object, PRIVATE_OFF, LENGTH(PRIVATE_OFF), false)
        || !vk_set_flag(object, CKA_SIGN, true))
        return CKR_HOST_MEMORY;
    CK_RV result = template_apply(object, template, count, CKO_PRIVATE_KEY);
    if (result != CKR_OK)
        return result;
    return all_flags(object, PRIVATE_ON, LENGTH(PRIVATE_ON), true)
                   && all_flags(object, PRIVATE_OFF, LENGTH(PRIVATE_OFF), false)
               ? CKR_OK
               : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV make_pair(struct vk_object *public_key, struct vk_object *private_key,
                       const CK_ATTRIBUTE *public_template, CK_ULONG public_count,
                       const CK_ATTRIBUTE *private_template, CK_ULONG private_count)
{
    static const CK_ATTRIBUTE_TYPE BORN[] = {CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE};
    struct vk_object *keys[] = {public_key, private_key};
    if (public_key == NULL || private_key == NULL)
        return CKR_HOST_MEMORY;
    for (int i = 0; i < 2; i++)
        if (!vk_set_number(keys[i], CKA_KEY_TYPE, CKK_VENDOR_SM2)
            || !vk_set(keys[i], CKA_ID, NULL, 0) || !vk_set(keys[i], CKA_SUBJECT, NULL, 0))
            return CKR_HOST_MEMORY;
    CK_RV result = prepare_public(public_key, public_template, public_count);
    if (result == CKR_OK)
        result = prepare_private(private_key, private_template, private_count);
    if (result != CKR_OK)
        return result;
    if (vk_number(public_key, CKA_KEY_TYPE) != CKK_VENDOR_SM2
        || vk_number(private_key, CKA_KEY_TYPE) != CKK_VENDOR_SM2)
        return CKR_TEMPLATE_INCONSISTENT;
    if (!sm2_generate(public_key, private_key))
        return CKR_DEVICE_ERROR;
    return set_flags(private_key, BORN, LENGTH(BORN), true) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                        CK_ATTRIBUTE *public_template, CK_ULONG public_count,
                        CK_ATTRIBUTE *private_template, CK_ULONG private_count,
                        CK_OBJECT_HANDLE *public_out, CK_OBJECT_HANDLE *private_out)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (mechanism == NULL || public_out == NULL || private_out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (mechanism->mechanism != CKM_VENDOR_SM2_KEY_PAIR_GEN)
        return leave(CKR_MECHANISM_INVALID);
    if (mechanism->ulParameterLen != 0)
        return leave(CKR_MECHANISM_PARAM_INVALID);
    if ((result = template_check(public_template, public_count)) != CKR_OK
        || (result = template_check(private_template, private_count)) != CKR_OK)
        return leave(result);
    struct vk_object *public_key = with_defaults(CKO_PUBLIC_KEY);
    struct vk_object *private_key = with_defaults(CKO_PRIVATE_KEY);
    result = make_pair(public_key, private_key, public_template, public_count, private_template,
                       private_count);
    bool on_token = false;
    if (result == CKR_OK) {
        on_token = vk_flag(public_key, CKA_TOKEN) || vk_flag(private_key, CKA_TOKEN);
        result = may_keep(session, on_token, true);
    }
    if (result == CKR_OK && on_token)
        result = change_begin(session->slot);
    if (result != CKR_OK) {
        vk_object_free(public_key);
        vk_object_free(private_key);
        return leave(result);
    }
    adopt(session, public_key);
    adopt(session, private_key);
    CK_OBJECT_HANDLE made[] = {public_key->handle, private_key->handle};
    if (on_token) {
        struct slot *slot = session->slot;
        bool told = !slot->token.unlocking.pinned || slot->login != USER
            || unlocking_renew(&slot->token, slot->token_key);
        result = change_end(slot, told ? CKR_OK : CKR_DEVICE_ERROR);
    }
    if (result == CKR_OK) {
        *public_out = made[0];
        *private_out = made[1];
    }
    return leave(result);
}
