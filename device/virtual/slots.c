/* Life cycle, slots, tokens and sessions, as the caller sees them. */
#include "module.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define MANUFACTURER "SealDesk"
#define LIBRARY "SealDesk virtual Ukey"
#define MODEL "VIRTUAL-UKEY"
#define EVENT_POLL_MS 100

static const CK_VERSION CRYPTOKI = {2, 40}, VERSION = {1, 0};
static CK_SESSION_HANDLE next_session = 1;

static void fill(CK_UTF8CHAR *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    memset(out, ' ', size);
    memcpy(out, text, length < size ? length : size);
}

/* ------------------------------------------------------------------------ life cycle */

static CK_RV check_locking(const CK_C_INITIALIZE_ARGS *args)
{
    int given = (args->CreateMutex != NULL) + (args->DestroyMutex != NULL)
                + (args->LockMutex != NULL) + (args->UnlockMutex != NULL);
    if (args->pReserved != NULL || (given != 0 && given != 4))
        return CKR_ARGUMENTS_BAD;
    return given == 4 && !(args->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

static void forget_everything(void)
{
    while (sessions != NULL)
        close_session(sessions);
    for (CK_SLOT_ID id = 0; id < SLOT_COUNT; id++) {
        session_objects_end(&slots[id], 0, false);
        vk_token_clear(&slots[id].token);
        OPENSSL_cleanse(&slots[id], sizeof slots[id]);
        slots[id].id = id;
    }
    initialised = false;
}

CK_RV C_Initialize(void *args)
{
    CK_RV result = args != NULL ? check_locking(args) : CKR_OK;
    if (result != CKR_OK)
        return result;
    vp_mutex_lock();
    if (initialised && owner_process == vp_process_id())
        return leave(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    forget_everything(); /* what a parent process left in a forked child */
    for (CK_SLOT_ID id = 0; id < SLOT_COUNT; id++) {
        (void)refresh(&slots[id]);
        slots[id].announced = slots[id].present;
    }
    owner_process = vp_process_id();
    initialised = true;
    return leave(CKR_OK);
}

CK_RV C_Finalize(void *reserved)
{
    if (reserved != NULL)
        return CKR_ARGUMENTS_BAD;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    forget_everything();
    return leave(CKR_OK);
}

CK_RV C_GetInfo(CK_INFO *out)
{
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    *out = (CK_INFO){.cryptokiVersion = CRYPTOKI, .libraryVersion = VERSION};
    fill(out->manufacturerID, sizeof out->manufacturerID, MANUFACTURER);
    fill(out->libraryDescription, sizeof out->libraryDescription, LIBRARY);
    return leave(CKR_OK);
}

/* ------------------------------------------------------------------------ slots and tokens */

CK_RV C_GetSlotList(CK_BBOOL only_present, CK_SLOT_ID *out, CK_ULONG *count)
{
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (count == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    CK_ULONG found = 0, room = *count;
    for (CK_SLOT_ID id = 0; id < SLOT_COUNT; id++) {
        (void)refresh(&slots[id]);
        if (only_present && !slots[id].present)
            continue;
        if (out != NULL && found < room)
            out[found] = id;
        found++;
    }
    *count = found;
    return leave(out != NULL && found > room ? CKR_BUFFER_TOO_SMALL : CKR_OK);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO *out)
{
    char name[64];
    struct slot *slot;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (find_slot(id, &slot) == CKR_SLOT_ID_INVALID)
        return leave(CKR_SLOT_ID_INVALID);
    (void)snprintf(name, sizeof name, "SealDesk virtual Ukey slot %lu", id);
    *out = (CK_SLOT_INFO){.flags = CKF_REMOVABLE_DEVICE, .firmwareVersion = VERSION};
    fill(out->slotDescription, sizeof out->slotDescription, name);
    fill(out->manufacturerID, sizeof out->manufacturerID, MANUFACTURER);
    if (slot->present)
        out->flags |= CKF_TOKEN_PRESENT;
    return leave(CKR_OK);
}

static CK_FLAGS pin_flags(unsigned char tries, CK_FLAGS low, CK_FLAGS final, CK_FLAGS locked)
{
    return (tries < VK_TRIES ? low : 0) | (tries == 1 ? final : 0) | (tries == 0 ? locked : 0);
}

static CK_FLAGS token_flags(const struct vk_token *token)
{
    CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED;
    if (!token->initialised)
        return flags;
    flags |= CKF_TOKEN_INITIALIZED
             | pin_flags(token->so_tries, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
    if (token->user_pin_set)
        flags |= CKF_USER_PIN_INITIALIZED
                 | pin_flags(token->user_tries, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
                             CKF_USER_PIN_LOCKED);
    return flags;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *out)
{
    struct slot *slot;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = find_slot(id, &slot)) != CKR_OK)
        return leave(result);
    const struct vk_token *token = &slot->token;
    *out = (CK_TOKEN_INFO){
        .flags = token_flags(token),
        .ulMaxSessionCount = MAX_SESSIONS,
        .ulMaxRwSessionCount = MAX_SESSIONS,
        .ulMaxPinLen = VK_PIN_MAX,
        .ulMinPinLen = VK_PIN_MIN,
        .ulTotalPublicMemory = VK_CAPACITY,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = VK_CAPACITY,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .firmwareVersion = VERSION,
    };
    for (const struct session *session = sessions; session != NULL; session = session->next)
        if (session->slot == slot) {
            out->ulSessionCount++;
            out->ulRwSessionCount += (session->flags & CKF_RW_SESSION) != 0;
        }
    fill(out->label, sizeof out->label, "");
    fill(out->serialNumber, sizeof out->serialNumber, "");
    if (token->initialised) {
        memcpy(out->label, token->label, sizeof out->label);
        memcpy(out->serialNumber, token->serial, sizeof out->serialNumber);
    }
    fill(out->manufacturerID, sizeof out->manufacturerID, MANUFACTURER);
    fill(out->model, sizeof out->model, MODEL);
    memset(out->utcTime, ' ', sizeof out->utcTime);
    return leave(CKR_OK);
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *out, void *reserved)
{
    for (;;) {
        CK_RV result = enter();
        if (result != CKR_OK)
            return result; /* C_Finalize ends a wait */
        if (out == NULL || reserved != NULL)
            return leave(CKR_ARGUMENTS_BAD);
        for (CK_SLOT_ID id = 0; id < SLOT_COUNT; id++) {
            (void)refresh(&slots[id]);
            if (slots[id].present != slots[id].announced) {
                slots[id].announced = slots[id].present;
                *out = id;
                return leave(CKR_OK);
            }
        }
        (void)leave(CKR_OK);
        if (flags & CKF_DONT_BLOCK)
            return CKR_NO_EVENT;
        vp_sleep_ms(EVENT_POLL_MS);
    }
}

/* ------------------------------------------------------------------------ sessions */

CK_RV C_OpenSession(CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *out)
{
    struct slot *slot;
    CK_ULONG count = 0;
    CK_RV result = enter();
    (void)application;
    (void)notify;
    if (result != CKR_OK)
        return result;
    if (out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if (!(flags & CKF_SERIAL_SESSION))
        return leave(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    if ((result = find_slot(id, &slot)) != CKR_OK)
        return leave(result);
    if (!slot->token.initialised)
        return leave(CKR_TOKEN_NOT_RECOGNIZED);
    if (slot->login == OFFICER && !(flags & CKF_RW_SESSION))
        return leave(CKR_SESSION_READ_WRITE_SO_EXISTS);
    for (struct session *session = sessions; session != NULL; session = session->next)
        count++;
    if (count >= MAX_SESSIONS)
        return leave(CKR_SESSION_COUNT);
    struct session *session = OPENSSL_zalloc(sizeof *session);
    if (session == NULL)
        return leave(CKR_HOST_MEMORY);
    session->handle = next_session++;
    session->slot = slot;
    session->flags = flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION);
    session->next = sessions;
    sessions = session;
    *out = session->handle;
    return leave(CKR_OK);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    close_session(session);
    return leave(CKR_OK);
}

CK_RV C_CloseAllSessions(CK_SLOT_ID id)
{
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    if (id >= SLOT_COUNT)
        return leave(CKR_SLOT_ID_INVALID);
    close_all(&slots[id]);
    return leave(CKR_OK);
}

static CK_STATE session_state(const struct session *session)
{
    bool writes = session->flags & CKF_RW_SESSION;
    if (session->slot->login == OFFICER)
        return CKS_RW_SO_FUNCTIONS;
    if (session->slot->login == USER)
        return writes ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    return writes ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO *out)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (out == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    *out = (CK_SESSION_INFO){session->slot->id, session_state(session), session->flags, 0};
    return leave(CKR_OK);
}
