/* The machinery every call runs through: the mutex, sessions, login state, the token's file. */
#include "module.h"
#include "faults.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

bool initialised;
unsigned long owner_process;
struct slot slots[SLOT_COUNT];
struct session *sessions;

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

void logout(struct slot *slot)
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

bool has_session(const struct slot *slot, bool only_read_only)
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

void close_session(struct session *session)
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

void close_all(struct slot *slot)
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

CK_RV find_slot(CK_SLOT_ID id, struct slot **out)
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
