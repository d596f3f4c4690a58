/* What the files of the PKCS#11 module share: slots, sessions, and the rules of entering a call. */
#ifndef SEALDESK_MODULE_H
#define SEALDESK_MODULE_H

#include "cryptoki.h"
#include "store.h"

#define SLOT_COUNT 4
#define MAX_SESSIONS 256
#define FIRST_SESSION_OBJECT 0x40000000UL

enum login { NOBODY, USER, OFFICER };

struct slot {
    CK_SLOT_ID id;
    bool present, readable;
    bool announced; /* presence as last told by C_WaitForSlotEvent */
    struct vk_token token;
    struct vk_object *session_objects;
    enum login login;
    unsigned char token_key[VK_KEY_SIZE]; /* only while somebody is logged in */
    void *lock;                           /* held from change_begin to change_end */
    unsigned long removals;               /* how often all its sessions ended at once */
};

struct signing {
    bool active, multipart;
    const struct sign_mechanism *mechanism;
    EVP_PKEY *key;
    EVP_MD_CTX *hash;
};

struct session {
    CK_SESSION_HANDLE handle;
    struct slot *slot;
    CK_FLAGS flags;
    bool searching;
    CK_OBJECT_HANDLE *found;
    CK_ULONG found_count, found_next;
    struct signing sign;
    EVP_MD_CTX *digest;
    bool digest_multipart;
    struct session *next;
};

extern bool initialised;
extern unsigned long owner_process; /* a forked child must initialise again */
extern struct slot slots[SLOT_COUNT];
extern struct session *sessions;

/* Every C_ function: enter(), work, leave(result). enter() takes the one mutex. */
CK_RV enter(void);
CK_RV leave(CK_RV result);
/* enter() and find the session; a key pulled out meanwhile is found here. Needs leave() only if OK. */
CK_RV enter_session(CK_SESSION_HANDLE handle, struct session **session);
CK_RV find_slot(CK_SLOT_ID id, struct slot **slot);
struct session *find_session(CK_SESSION_HANDLE handle);
/* Look at the file: CKR_OK, CKR_TOKEN_NOT_PRESENT or CKR_TOKEN_NOT_RECOGNIZED; ends dead sessions. */
CK_RV refresh(struct slot *slot);
/* Read, change and write the file under its lock. A failed change is undone by reading again.
   change_begin may reload the token: object pointers from before it are dead afterwards. */
CK_RV change_begin(struct slot *slot);
CK_RV change_save(struct slot *slot);
CK_RV change_end(struct slot *slot, CK_RV result);
CK_RV slot_with_token(CK_SLOT_ID id);
bool slot_path(const struct slot *slot, const char *ending, char out[VP_PATH_SIZE]);

bool has_session(const struct slot *slot, bool only_read_only);
void close_session(struct session *session);
void close_all(struct slot *slot);
void logout(struct slot *slot);
void signing_end(struct signing *sign);
void search_end(struct session *session);
void session_objects_end(struct slot *slot, CK_SESSION_HANDLE owner, bool only_private);

/* pins.c, for those who set a PIN: inside a change, the token key in hand */
bool pin_length_ok(CK_ULONG length);
CK_RV set_user_pin(struct vk_token *token, const CK_UTF8CHAR *pin, CK_ULONG length,
                   const unsigned char *token_key);

/* unlock.c, for those who make a key pair: inside a change, a fresh nonce, and the token key under a
   fresh secret that only the recipient can tell, with the names of the keys. Unlocks the token. */
bool unlocking_renew(struct vk_token *token, const unsigned char token_key[VK_KEY_SIZE]);

struct vk_object *find_object(const struct session *session, CK_OBJECT_HANDLE handle);

/* objects.c, for those who make objects */
struct vk_object *with_defaults(CK_ULONG class);
CK_RV may_keep(const struct session *session, bool on_token, bool is_private);
void adopt(struct session *session, struct vk_object *object);

/* templates.c: which attribute may stand where */
CK_RV template_apply(struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_ULONG class);
CK_RV template_change(struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count);
CK_RV template_check(const CK_ATTRIBUTE *template, CK_ULONG count);
const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *template, CK_ULONG count,
                                  CK_ATTRIBUTE_TYPE type);
bool template_matches(const struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count);
CK_RV attribute_read(const struct vk_object *object, CK_ATTRIBUTE *out);

/* The functions of the list, by the file they live in: slots.c, pins.c, objects.c, keypair.c, sign.c */
CK_RV C_Initialize(void *);
CK_RV C_Finalize(void *);
CK_RV C_GetInfo(CK_INFO *);
CK_RV C_GetSlotList(CK_BBOOL, CK_SLOT_ID *, CK_ULONG *);
CK_RV C_GetSlotInfo(CK_SLOT_ID, CK_SLOT_INFO *);
CK_RV C_GetTokenInfo(CK_SLOT_ID, CK_TOKEN_INFO *);
CK_RV C_WaitForSlotEvent(CK_FLAGS, CK_SLOT_ID *, void *);
CK_RV C_OpenSession(CK_SLOT_ID, CK_FLAGS, void *, CK_NOTIFY, CK_SESSION_HANDLE *);
CK_RV C_CloseSession(CK_SESSION_HANDLE);
CK_RV C_CloseAllSessions(CK_SLOT_ID);
CK_RV C_GetSessionInfo(CK_SESSION_HANDLE, CK_SESSION_INFO *);

CK_RV C_InitToken(CK_SLOT_ID, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *);
CK_RV C_InitPIN(CK_SESSION_HANDLE, CK_UTF8CHAR *, CK_ULONG);
CK_RV C_SetPIN(CK_SESSION_HANDLE, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *, CK_ULONG);
CK_RV C_Login(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR *, CK_ULONG);
CK_RV C_Logout(CK_SESSION_HANDLE);

CK_RV C_CreateObject(CK_SESSION_HANDLE, CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *);
CK_RV C_DestroyObject(CK_SESSION_HANDLE, CK_OBJECT_HANDLE);
CK_RV C_GetAttributeValue(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE *, CK_ULONG);
CK_RV C_SetAttributeValue(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE *, CK_ULONG);
CK_RV C_FindObjectsInit(CK_SESSION_HANDLE, CK_ATTRIBUTE *, CK_ULONG);
CK_RV C_FindObjects(CK_SESSION_HANDLE, CK_OBJECT_HANDLE *, CK_ULONG, CK_ULONG *);
CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE);
CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE, CK_MECHANISM *, CK_ATTRIBUTE *, CK_ULONG, CK_ATTRIBUTE *,
                        CK_ULONG, CK_OBJECT_HANDLE *, CK_OBJECT_HANDLE *);

CK_RV C_GetMechanismList(CK_SLOT_ID, CK_MECHANISM_TYPE *, CK_ULONG *);
CK_RV C_GetMechanismInfo(CK_SLOT_ID, CK_MECHANISM_TYPE, CK_MECHANISM_INFO *);
CK_RV C_SignInit(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
CK_RV C_Sign(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
CK_RV C_SignUpdate(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);
CK_RV C_SignFinal(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);
CK_RV C_DigestInit(CK_SESSION_HANDLE, CK_MECHANISM *);
CK_RV C_Digest(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
CK_RV C_DigestUpdate(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);
CK_RV C_DigestFinal(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);
CK_RV C_SeedRandom(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);
CK_RV C_GenerateRandom(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);

#endif
