/* The virtual Ukey as a PKCS#11 v2.40 module: life cycle, slots, sessions, PINs, the function list.
 *
 * It behaves as a careful smart key does, for demo, tests and training. It is software: whoever has
 * the token file can guess PINs at leisure, so it must never hold the key of a real seal.
 */
#include "module.h"
#include "faults.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define MANUFACTURER "SealDesk"
#define LIBRARY "SealDesk virtual Ukey"
#define MODEL "VIRTUAL-UKEY"
#define EVENT_POLL_MS 100

static const CK_VERSION CRYPTOKI = {2, 40}, VERSION = {1, 0};

static bool initialised;
static unsigned long owner_process; /* a forked child must initialise again */
static struct slot slots[SLOT_COUNT];
static struct session *sessions;
static CK_SESSION_HANDLE next_session = 1;

static void fill(CK_UTF8CHAR *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    memset(out, ' ', size);
    memcpy(out, text, length < size ? length : size);
}

/* ------------------------------------------------------------------------ entering a call */

CK_RV enter(void)
{
    vp_mutex_lock();
    if (initialised && owner_process == vp_process_id())
        return CKR_OK;
    vp_mutex_unlock();
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV leave(CK_RV result)
{
    vp_mutex_unlock();
    return result;
}

struct session *find_session(CK_SESSION_HANDLE handle)
{
    struct session *session = sessions;
    while (session != NULL && session->handle != handle)
        session = session->next;
    return session;
}

CK_RV enter_session(CK_SESSION_HANDLE handle, struct session **out)
{
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    *out = find_session(handle);
    if (*out == NULL)
        return leave(CKR_SESSION_HANDLE_INVALID);
    (void)refresh((*out)->slot); /* ends the session if the token is gone or is another one */
    *out = find_session(handle);
    return *out != NULL ? CKR_OK : leave(CKR_DEVICE_REMOVED);
}

/* ------------------------------------------------------------------------ login state */

static void logout(struct slot *slot)
{
    for (struct session *session = sessions; session != NULL; session = session->next)
        if (session->slot == slot) {
            signing_end(&session->sign);
            search_end(session);
        }
    session_objects_end(slot, 0, true);
    vk_relock(&slot->token);
    OPENSSL_cleanse(slot->token_key, sizeof slot->token_key);
    slot->login = NOBODY;
}

static bool has_session(const struct slot *slot, bool only_read_only)
{
    for (const struct session *session = sessions; session != NULL; session = session->next)
        if (session->slot == slot && !(only_read_only && (session->flags & CKF_RW_SESSION)))
            return true;
    return false;
}

/* `session` is out of the list already. */
static void free_session(struct session *session)
{
    session_objects_end(session->slot, session->handle, false);
    signing_end(&session->sign);
    search_end(session);
    EVP_MD_CTX_free(session->digest);
    OPENSSL_free(session);
}

static void close_session(struct session *session)
{
    struct slot *slot = session->slot;
    struct session **link = &sessions;
    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    free_session(session);
    if (!has_session(slot, false))
        logout(slot);
}

static void close_all(struct slot *slot)
{
    for (struct session *session = sessions, *next; session != NULL; session = next) {
        next = session->next;
        if (session->slot == slot)
            close_session(session);
    }
    logout(slot);
}

/* ------------------------------------------------------------------------ the token file */

bool slot_path(const struct slot *slot, const char *ending, char out[VP_PATH_SIZE])
{
    char folder[VP_PATH_SIZE - 32];
    if (!vp_folder(folder, sizeof folder))
        return false;
    int length = snprintf(out, VP_PATH_SIZE, "%s/slot%lu%s", folder, slot->id, ending);
    return length > 0 && length < VP_PATH_SIZE;
}

static void token_gone(struct slot *slot)
{
    close_all(slot);
    slot->removals++;
}

CK_RV refresh(struct slot *slot)
{
    char path[VP_PATH_SIZE];
    unsigned char epoch[VK_ID_SIZE];
    memcpy(epoch, slot->token.epoch, VK_ID_SIZE);
    enum vk_load found = slot_path(slot, ".vukey", path) ? vk_load(path, &slot->token) : VK_ABSENT;
    slot->readable = found == VK_UNCHANGED || found == VK_LOADED;
    bool same = slot->readable && memcmp(epoch, slot->token.epoch, VK_ID_SIZE) == 0;
    if (found == VK_LOADED && same && slot->login == USER)
        same = vk_unlock(&slot->token, slot->token_key);
    if (!same && slot->present)
        token_gone(slot);
    slot->present = found != VK_ABSENT;
    if (found == VK_ABSENT) {
        vk_token_clear(&slot->token);
        return CKR_TOKEN_NOT_PRESENT;
    }
    return slot->readable ? CKR_OK : CKR_TOKEN_NOT_RECOGNIZED;
}

static CK_RV find_slot(CK_SLOT_ID id, struct slot **out)
{
    if (id >= SLOT_COUNT)
        return CKR_SLOT_ID_INVALID;
    *out = &slots[id];
    return refresh(*out);
}

CK_RV slot_with_token(CK_SLOT_ID id)
{
    struct slot *slot;
    return find_slot(id, &slot);
}

static void unlock_file(struct slot *slot)
{
    vp_unlock(slot->lock);
    slot->lock = NULL;
}

CK_RV change_begin(struct slot *slot)
{
    char path[VP_PATH_SIZE];
    unsigned long removals = slot->removals;
    CK_RV result = refresh(slot); /* no lock file for a slot that is empty */
    if (result == CKR_OK) {
        slot->lock = slot_path(slot, ".lock", path) ? vp_lock(path) : NULL;
        result = slot->lock != NULL ? refresh(slot) : CKR_DEVICE_ERROR;
    }
    if (slot->removals != removals)
        result = CKR_DEVICE_REMOVED;
    if (result != CKR_OK)
        unlock_file(slot);
    return result;
}

CK_RV change_save(struct slot *slot)
{
    char path[VP_PATH_SIZE];
    if (!slot_path(slot, ".vukey", path) || !vp_exists(path)) /* writing would plug it in again */
        return CKR_DEVICE_REMOVED;
    return vk_save(path, &slot->token, slot->login != NOBODY ? slot->token_key : NULL,
                   vk_next_write(slot->id));
}

CK_RV change_end(struct slot *slot, CK_RV result)
{
    if (result == CKR_OK)
        result = change_save(slot);
    if (result != CKR_OK) { /* what is in memory counts no more: take what the file says */
        memset(slot->token.state_id, 0, VK_ID_SIZE);
        (void)refresh(slot);
    }
    unlock_file(slot);
    return result;
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

static CK_RV initialize(void *args)
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

static CK_RV finalize(void *reserved)
{
    if (reserved != NULL)
        return CKR_ARGUMENTS_BAD;
    CK_RV result = enter();
    if (result != CKR_OK)
        return result;
    forget_everything();
    return leave(CKR_OK);
}

static CK_RV get_info(CK_INFO *out)
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

static CK_RV get_slot_list(CK_BBOOL only_present, CK_SLOT_ID *out, CK_ULONG *count)
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

static CK_RV get_slot_info(CK_SLOT_ID id, CK_SLOT_INFO *out)
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

static CK_RV get_token_info(CK_SLOT_ID id, CK_TOKEN_INFO *out)
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

static CK_RV wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *out, void *reserved)
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

/* ------------------------------------------------------------------------ PINs */

static bool pin_length_ok(CK_ULONG length) { return length >= VK_PIN_MIN && length <= VK_PIN_MAX; }

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

static CK_RV init_token(CK_SLOT_ID id, CK_UTF8CHAR *pin, CK_ULONG length, CK_UTF8CHAR *label)
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

static CK_RV set_user_pin(struct vk_token *token, const CK_UTF8CHAR *pin, CK_ULONG length,
                          const unsigned char *token_key)
{
    if (!vk_wrap(token, pin, length, token_key, token->user_wrap))
        return CKR_DEVICE_ERROR;
    token->user_pin_set = true;
    token->user_tries = VK_TRIES;
    return CKR_OK;
}

static CK_RV init_pin(CK_SESSION_HANDLE handle, CK_UTF8CHAR *pin, CK_ULONG length)
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

static CK_RV set_pin(CK_SESSION_HANDLE handle, CK_UTF8CHAR *old, CK_ULONG old_length, CK_UTF8CHAR *pin,
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

static CK_RV login(CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin, CK_ULONG length)
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

static CK_RV do_logout(CK_SESSION_HANDLE handle)
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

/* ------------------------------------------------------------------------ sessions */

static CK_RV open_session(CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify,
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

static CK_RV do_close_session(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    close_session(session);
    return leave(CKR_OK);
}

static CK_RV close_all_sessions(CK_SLOT_ID id)
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

static CK_RV get_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *out)
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

/* ------------------------------------------------------------------------ the function list */

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
    .C_Initialize = initialize,
    .C_Finalize = finalize,
    .C_GetInfo = get_info,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = get_slot_list,
    .C_GetSlotInfo = get_slot_info,
    .C_GetTokenInfo = get_token_info,
    .C_GetMechanismList = C_GetMechanismList,
    .C_GetMechanismInfo = C_GetMechanismInfo,
    .C_InitToken = init_token,
    .C_InitPIN = init_pin,
    .C_SetPIN = set_pin,
    .C_OpenSession = open_session,
    .C_CloseSession = do_close_session,
    .C_CloseAllSessions = close_all_sessions,
    .C_GetSessionInfo = get_session_info,
    .C_GetOperationState = no_output,
    .C_SetOperationState = no_set_state,
    .C_Login = login,
    .C_Logout = do_logout,
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
    .C_WaitForSlotEvent = wait_for_slot_event,
};

CK_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    if (out == NULL)
        return CKR_ARGUMENTS_BAD;
    *out = &functions;
    return CKR_OK;
}
