/* PINs: ten tries, saved before they are used; the security officer unblocks, keys stay. */
#include "module.h"

#include <openssl/crypto.h>
#include <string.h>

bool pin_length_ok(CK_ULONG length) { return length >= VK_PIN_MIN && length <= VK_PIN_MAX; }

/* Inside a change. The try is counted on disk before the PIN is tested: pulling the plug gains none. */
static CK_RV check_pin(struct slot *slot, enum login who, const CK_UTF8CHAR *pin, CK_ULONG length,
                       unsigned char token_key[VK_KEY_SIZE])
{
    struct vk_token *token = &slot->token;
    unsigned char *tries = who == OFFICER ? &token->so_tries : &token->user_tries;
    if (who == USER && !token->user_pin_set)
        return CKR_USER_PIN_NOT_INITIALIZED;
    if (*tries == 0)
        return CKR_PIN_LOCKED;
    (*tries)--;
    CK_RV result = change_save(slot);
    if (result != CKR_OK)
        return result;
    if (length > VK_PIN_MAX
        || !vk_unwrap(token, pin, length, who == OFFICER ? token->so_wrap : token->user_wrap,
                      token_key))
        return *tries == 0 ? CKR_PIN_LOCKED : CKR_PIN_INCORRECT;
    *tries = VK_TRIES;
    return CKR_OK;
}

CK_RV C_InitToken(CK_SLOT_ID id, CK_UTF8CHAR *pin, CK_ULONG length, CK_UTF8CHAR *label)
{
    unsigned char token_key[VK_KEY_SIZE];
    struct slot *slot;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (pin == NULL || label == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = find_slot(id, &slot)) != CKR_OK)
        return leave(result);
    if (has_session(slot, false))
        return leave(CKR_SESSION_EXISTS);
    if (!slot->token.initialised && !pin_length_ok(length))
        return leave(CKR_PIN_LEN_RANGE);
    if ((result = change_begin(slot)) != CKR_OK)
        return leave(result);
    if (slot->token.initialised)
        result = check_pin(slot, OFFICER, pin, length, token_key);
    OPENSSL_cleanse(token_key, sizeof token_key);
    if (result == CKR_OK && !vk_token_format(&slot->token, (const char *)label, pin, length))
        result = CKR_DEVICE_ERROR;
    return leave(change_end(slot, result));
}

CK_RV set_user_pin(struct vk_token *token, const CK_UTF8CHAR *pin, CK_ULONG length,
                   const unsigned char *token_key)
{
    if (!vk_wrap(token, pin, length, token_key, token->user_wrap))
        return CKR_DEVICE_ERROR;
    token->user_pin_set = true;
    token->user_tries = VK_TRIES;
    return CKR_OK;
}

CK_RV C_InitPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR *pin, CK_ULONG length)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct slot *slot = session->slot;
    if (pin == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (slot->login != OFFICER)
        return leave(CKR_USER_NOT_LOGGED_IN);
    if (!pin_length_ok(length))
        return leave(CKR_PIN_LEN_RANGE);
    if ((result = change_begin(slot)) != CKR_OK)
        return leave(result);
    return leave(change_end(slot, set_user_pin(&slot->token, pin, length, slot->token_key)));
}

CK_RV C_SetPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR *old, CK_ULONG old_length, CK_UTF8CHAR *pin,
                     CK_ULONG length)
{
    unsigned char token_key[VK_KEY_SIZE];
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct slot *slot = session->slot;
    enum login who = slot->login == OFFICER ? OFFICER : USER;
    if (old == NULL || pin == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (!(session->flags & CKF_RW_SESSION))
        return leave(CKR_SESSION_READ_ONLY);
    if (!pin_length_ok(length))
        return leave(CKR_PIN_LEN_RANGE);
    if ((result = change_begin(slot)) != CKR_OK)
        return leave(result);
    result = check_pin(slot, who, old, old_length, token_key);
    if (result == CKR_OK && who == USER)
        result = set_user_pin(&slot->token, pin, length, token_key);
    else if (result == CKR_OK && !vk_wrap(&slot->token, pin, length, token_key, slot->token.so_wrap))
        result = CKR_DEVICE_ERROR;
    OPENSSL_cleanse(token_key, sizeof token_key);
    return leave(change_end(slot, result));
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin, CK_ULONG length)
{
    unsigned char token_key[VK_KEY_SIZE];
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    struct slot *slot = session->slot;
    enum login who = type == CKU_SO ? OFFICER : USER;
    if (pin == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (type == CKU_CONTEXT_SPECIFIC)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    if (type != CKU_SO && type != CKU_USER)
        return leave(CKR_USER_TYPE_INVALID);
    if (slot->login != NOBODY)
        return leave(slot->login == who ? CKR_USER_ALREADY_LOGGED_IN
                                        : CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    if (who == OFFICER && has_session(slot, true))
        return leave(CKR_SESSION_READ_ONLY_EXISTS);
    if ((result = change_begin(slot)) != CKR_OK)
        return leave(result);
    result = check_pin(slot, who, pin, length, token_key);
    if (result == CKR_OK && who == USER && !vk_unlock(&slot->token, token_key))
        result = CKR_DEVICE_ERROR;
    result = change_end(slot, result);
    if (result == CKR_OK) {
        memcpy(slot->token_key, token_key, VK_KEY_SIZE);
        slot->login = who;
    } else {
        vk_relock(&slot->token);
    }
    OPENSSL_cleanse(token_key, sizeof token_key);
    return leave(result);
}

CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (session->slot->login == NOBODY)
        return leave(CKR_USER_NOT_LOGGED_IN);
    logout(session->slot);
    return leave(CKR_OK);
}
