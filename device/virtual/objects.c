/* Objects: made, found, read, changed, destroyed. */
#include "module.h"

#include <openssl/crypto.h>
#include <string.h>

static CK_OBJECT_HANDLE next_session_object = FIRST_SESSION_OBJECT;

static bool visible(const struct slot *slot, const struct vk_object *object)
{
    return object->attributes != NULL && (!object->is_private || slot->login == USER);
}

static struct vk_object *in_list(struct vk_object *list, CK_OBJECT_HANDLE handle)
{
    while (list != NULL && list->handle != handle)
        list = list->next;
    return list;
}

struct vk_object *find_object(const struct session *session, CK_OBJECT_HANDLE handle)
{
    struct slot *slot = session->slot;
    struct vk_object *object =
        in_list(handle >= FIRST_SESSION_OBJECT ? slot->session_objects : slot->token.objects, handle);
    return object != NULL && visible(slot, object) ? object : NULL;
}

static void append(struct vk_object **list, struct vk_object *object)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = object;
}

static void unlink_object(struct vk_object **list, const struct vk_object *object)
{
    while (*list != NULL && *list != object)
        list = &(*list)->next;
    if (*list != NULL)
        *list = object->next;
}

void session_objects_end(struct slot *slot, CK_SESSION_HANDLE owner, bool only_private)
{
    struct vk_object **link = &slot->session_objects;
    while (*link != NULL) {
        struct vk_object *object = *link;
        if ((owner != 0 && object->owner != owner) || (only_private && !object->is_private)) {
            link = &object->next;
            continue;
        }
        *link = object->next;
        vk_object_free(object);
    }
}

/* May this session keep such an object? */
CK_RV may_keep(const struct session *session, bool on_token, bool is_private)
{
    if (on_token && !(session->flags & CKF_RW_SESSION))
        return CKR_SESSION_READ_ONLY;
    if (is_private && session->slot->login != USER)
        return CKR_USER_NOT_LOGGED_IN;
    return CKR_OK;
}

/* The object belongs to the slot from here on. Token objects still need a save. */
void adopt(struct session *session, struct vk_object *object)
{
    struct slot *slot = session->slot;
    object->is_private = vk_flag(object, CKA_PRIVATE);
    if (vk_flag(object, CKA_TOKEN)) {
        object->handle = slot->token.next_handle++;
        append(&slot->token.objects, object);
    } else {
        object->handle = next_session_object++;
        object->owner = session->handle;
        append(&slot->session_objects, object);
    }
}

struct vk_object *with_defaults(CK_ULONG class)
{
    static const CK_ATTRIBUTE_TYPE OFF[] = {CKA_TOKEN, CKA_PRIVATE, CKA_COPYABLE}, ON[] = {
        CKA_MODIFIABLE, CKA_DESTROYABLE};
    struct vk_object *object = vk_object_new();
    bool set = object != NULL && vk_set_number(object, CKA_CLASS, class)
               && vk_set(object, CKA_LABEL, NULL, 0);
    for (size_t i = 0; set && i < sizeof OFF / sizeof *OFF; i++)
        set = vk_set_flag(object, OFF[i], false);
    for (size_t i = 0; set && i < sizeof ON / sizeof *ON; i++)
        set = vk_set_flag(object, ON[i], true);
    if (set && class == CKO_DATA)
        set = vk_set(object, CKA_APPLICATION, NULL, 0) && vk_set(object, CKA_OBJECT_ID, NULL, 0)
              && vk_set(object, CKA_VALUE, NULL, 0);
    if (set && class == CKO_CERTIFICATE)
        set = vk_set_flag(object, CKA_TRUSTED, false) && vk_set(object, CKA_ID, NULL, 0)
              && vk_set_number(object, CKA_CERTIFICATE_CATEGORY, 0)
              && vk_set(object, CKA_ISSUER, NULL, 0) && vk_set(object, CKA_SERIAL_NUMBER, NULL, 0);
    if (set)
        return object;
    vk_object_free(object);
    return NULL;
}

static CK_RV check_certificate(const struct vk_object *object)
{
    const struct vk_attribute *value = vk_get(object, CKA_VALUE);
    if (vk_get(object, CKA_CERTIFICATE_TYPE) == NULL || vk_get(object, CKA_SUBJECT) == NULL
        || value == NULL || value->length == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    return vk_number(object, CKA_CERTIFICATE_TYPE) == CKC_X_509 ? CKR_OK
                                                                : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_OBJECT_HANDLE *out)
{
    struct session *session;
    CK_ULONG class;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (out == NULL || template == NULL)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = template_check(template, count)) != CKR_OK)
        return leave(result);
    const CK_ATTRIBUTE *given = template_find(template, count, CKA_CLASS);
    if (given == NULL)
        return leave(CKR_TEMPLATE_INCOMPLETE);
    if (given->ulValueLen != sizeof class)
        return leave(CKR_ATTRIBUTE_VALUE_INVALID);
    memcpy(&class, given->pValue, sizeof class);
    if (class != CKO_DATA && class != CKO_CERTIFICATE) /* keys are never brought in from outside */
        return leave(CKR_ATTRIBUTE_VALUE_INVALID);
    struct vk_object *object = with_defaults(class);
    result = object != NULL ? template_apply(object, template, count, class) : CKR_HOST_MEMORY;
    if (result == CKR_OK && class == CKO_CERTIFICATE)
        result = check_certificate(object);
    bool on_token = result == CKR_OK && vk_flag(object, CKA_TOKEN);
    if (result == CKR_OK)
        result = may_keep(session, on_token, vk_flag(object, CKA_PRIVATE));
    if (result == CKR_OK && on_token)
        result = change_begin(session->slot);
    if (result != CKR_OK) {
        vk_object_free(object);
        return leave(result);
    }
    adopt(session, object);
    CK_OBJECT_HANDLE made = object->handle;
    if (on_token)
        result = change_end(session->slot, CKR_OK);
    if (result == CKR_OK)
        *out = made;
    return leave(result);
}

/* Find the object again under the file's lock if it lies on the token;
   the caller ends the change with change_end. */
static CK_RV change_object(struct session *session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE right,
                           struct vk_object **out)
{
    bool on_token = handle < FIRST_SESSION_OBJECT;
    CK_RV result = on_token ? change_begin(session->slot) : CKR_OK;
    if (result != CKR_OK)
        return result;
    *out = find_object(session, handle);
    if (*out == NULL)
        result = CKR_OBJECT_HANDLE_INVALID;
    else if (on_token && !(session->flags & CKF_RW_SESSION))
        result = CKR_SESSION_READ_ONLY;
    else if (!vk_flag(*out, right))
        result = CKR_ACTION_PROHIBITED;
    if (result != CKR_OK && on_token)
        (void)change_end(session->slot, result);
    return result;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle)
{
    struct session *session;
    struct vk_object *object = NULL;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    result = change_object(session, object_handle, CKA_DESTROYABLE, &object);
    if (result != CKR_OK)
        return leave(result);
    bool on_token = object->owner == 0;
    unlink_object(on_token ? &session->slot->token.objects : &session->slot->session_objects, object);
    vk_object_free(object);
    return leave(on_token ? change_end(session->slot, CKR_OK) : CKR_OK);
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle,
                          CK_ATTRIBUTE *template, CK_ULONG count)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (template == NULL || count == 0)
        return leave(CKR_ARGUMENTS_BAD);
    struct vk_object *object = find_object(session, object_handle);
    if (object == NULL)
        return leave(CKR_OBJECT_HANDLE_INVALID);
    for (CK_ULONG i = 0; i < count; i++) { /* all are answered, the first failure is told */
        CK_RV one = attribute_read(object, &template[i]);
        if (result == CKR_OK)
            result = one;
    }
    return leave(result);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle,
                          CK_ATTRIBUTE *template, CK_ULONG count)
{
    struct session *session;
    struct vk_object *object = NULL;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (template == NULL || count == 0)
        return leave(CKR_ARGUMENTS_BAD);
    if ((result = template_check(template, count)) != CKR_OK)
        return leave(result);
    result = change_object(session, object_handle, CKA_MODIFIABLE, &object);
    if (result != CKR_OK)
        return leave(result);
    result = template_change(object, template, count);
    if (object->owner != 0)
        return leave(result);
    OPENSSL_free(object->sealed); /* sealed anew when the token is saved */
    object->sealed = NULL;
    return leave(change_end(session->slot, result));
}

/* ------------------------------------------------------------------------ searching */

/* The tries left are shown as a hardware feature: an object of the moment, not kept in the file. */
static CK_RV show_tries(struct session *session)
{
    struct slot *slot = session->slot;
    for (struct vk_object *old = slot->session_objects; old != NULL; old = old->next)
        if (old->owner == session->handle && vk_number(old, CKA_CLASS) == CKO_HW_FEATURE) {
            unlink_object(&slot->session_objects, old);
            vk_object_free(old);
            break;
        }
    struct vk_object *object = vk_object_new();
    if (object == NULL || !vk_set_number(object, CKA_CLASS, CKO_HW_FEATURE)
        || !vk_set_number(object, CKA_HW_FEATURE_TYPE, CKH_SEALDESK_PIN_TRIES)
        || !vk_set_number(object, CKA_SEALDESK_USER_TRIES, slot->token.user_tries)
        || !vk_set_number(object, CKA_SEALDESK_SO_TRIES, slot->token.so_tries)
        || !vk_set_flag(object, CKA_TOKEN, false) || !vk_set_flag(object, CKA_PRIVATE, false)
        || !vk_set_flag(object, CKA_MODIFIABLE, false)) {
        vk_object_free(object);
        return CKR_HOST_MEMORY;
    }
    adopt(session, object);
    return CKR_OK;
}

/* The standard hides hardware features from any search that does not ask for their class. */
static bool asks_for_features(const CK_ATTRIBUTE *template, CK_ULONG count)
{
    CK_ULONG class = 0;
    const CK_ATTRIBUTE *given = template_find(template, count, CKA_CLASS);
    if (given != NULL && given->ulValueLen == sizeof class)
        memcpy(&class, given->pValue, sizeof class);
    return class == CKO_HW_FEATURE;
}

static CK_ULONG collect(const struct slot *slot, const struct vk_object *list, bool features,
                        const CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
    CK_ULONG found = 0;
    for (; list != NULL; list = list->next)
        if (visible(slot, list) && features == (vk_number(list, CKA_CLASS) == CKO_HW_FEATURE)
            && template_matches(list, template, count)) {
            if (out != NULL)
                out[found] = list->handle;
            found++;
        }
    return found;
}

void search_end(struct session *session)
{
    OPENSSL_free(session->found);
    session->found = NULL;
    session->found_count = session->found_next = 0;
    session->searching = false;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if ((result = template_check(template, count)) != CKR_OK)
        return leave(result);
    if (session->searching)
        return leave(CKR_OPERATION_ACTIVE);
    bool features = asks_for_features(template, count);
    if (features && (result = show_tries(session)) != CKR_OK)
        return leave(result);
    struct slot *slot = session->slot;
    CK_ULONG on_token = collect(slot, slot->token.objects, features, template, count, NULL);
    CK_ULONG total =
        on_token + collect(slot, slot->session_objects, features, template, count, NULL);
    session->found = OPENSSL_zalloc((total + 1) * sizeof *session->found);
    if (session->found == NULL)
        return leave(CKR_HOST_MEMORY);
    collect(slot, slot->token.objects, features, template, count, session->found);
    collect(slot, slot->session_objects, features, template, count, session->found + on_token);
    session->found_count = total;
    session->searching = true;
    return leave(CKR_OK);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *out, CK_ULONG room, CK_ULONG *count)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (count == NULL || (out == NULL && room > 0))
        return leave(CKR_ARGUMENTS_BAD);
    if (!session->searching)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    for (*count = 0; *count < room && session->found_next < session->found_count; (*count)++)
        out[*count] = session->found[session->found_next++];
    return leave(CKR_OK);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV result = enter_session(handle, &session);
    if (result != CKR_OK)
        return result;
    if (!session->searching)
        return leave(CKR_OPERATION_NOT_INITIALIZED);
    search_end(session);
    return leave(CKR_OK);
}
