/* What a virtual Ukey holds, and how it is kept in one file.
 *
 * File, little-endian, every CK_ULONG attribute as 32 bits (so it opens on Linux and Windows alike):
 *
 *   "SDVUKEY1" | state id 16 | epoch 16 | serial 16 | label 32
 *   | SO tries 1 | user tries 1 | user PIN set 1 | unlocking 1 | PBKDF2 iterations 4
 *   | token key wrapped under the SO PIN 76 | … under the user PIN 76
 *   | if unlocking is 1 or 2: signer 65 | recipient 65 | nonce 16 | token key sealed under the
 *     secret 60 | length 4, encrypted to the recipient (SM2Cipher, GM/T 0009): the secret and, if
 *     unlocking is 2, SM3 (32 bytes) of X || Y of each key pair on the token, the newest 32
 *   | next object handle 4 | number of objects 4
 *   | per object: handle 4, private 1, length 4, content | SHA-256 of all before 32
 *
 * A wrapped token key is: salt 16 | nonce 12 | ciphertext 32 | tag 16 (PBKDF2-HMAC-SHA256, AES-256-GCM).
 * The secret of unlocking (32 bytes, fresh with the nonce) is kept nowhere else: the file alone opens
 * nothing, only whoever has the recipient's key can tell the secret (unlock.c). The token key under
 * it is bound to epoch, signer and recipient.
 * A public object's content is its attributes (type 4, length 4, value); a private object's is
 * nonce 12 | ciphertext | tag 16 of the same under the token key, bound to the epoch and the handle.
 * The state id is fresh at every write (is my copy stale?); the epoch at every initialisation
 * (is this still the token I logged in to?). An empty file is a blank token, no file an empty slot.
 */
#ifndef SEALDESK_STORE_H
#define SEALDESK_STORE_H

#include "cryptoki.h"
#include "platform.h"

#include <openssl/evp.h>
#include <stdint.h>

#define VK_TRIES 10
#define VK_PIN_MIN 6
#define VK_PIN_MAX 32
#define VK_KEY_SIZE 32
#define VK_ID_SIZE 16
#define VK_WRAP_SIZE 76
#define VK_POINT_SIZE 65     /* 04 || X || Y */
#define VK_SEALED_KEY_SIZE 60 /* nonce 12 | token key 32 | tag 16 */
#define VK_POINTS_TOLD 32 /* key pairs that the encrypted secret names */
#define VK_CIPHER_MAX 1200
#define VK_CAPACITY (256 * 1024) /* bytes of a token file: a real key is no bigger */

struct vk_attribute {
    uint32_t type, length;
    unsigned char *value; /* CK_ULONG values: four bytes, little-endian */
    struct vk_attribute *next;
};

struct vk_object {
    CK_OBJECT_HANDLE handle;
    CK_SESSION_HANDLE owner; /* the session that dies with it; 0 for an object on the token */
    bool is_private;
    struct vk_attribute *attributes; /* NULL while a private object is locked */
    unsigned char *sealed;           /* a private token object as it lies in the file */
    uint32_t sealed_length;
    EVP_PKEY *key; /* the private key ready for use, made when first needed */
    struct vk_object *next;
};

/* Whose statements unlock the PIN, and what makes each good for once. */
struct vk_unlocking {
    bool pinned;
    bool names_keys; /* false in a file of before this was told */
    unsigned char signer[VK_POINT_SIZE], recipient[VK_POINT_SIZE];
    unsigned char nonce[VK_ID_SIZE];
    unsigned char sealed_key[VK_SEALED_KEY_SIZE];
    unsigned char cipher[VK_CIPHER_MAX];
    uint32_t cipher_length;
};

struct vk_token {
    unsigned char state_id[VK_ID_SIZE], epoch[VK_ID_SIZE];
    char serial[16], label[32];
    bool initialised, user_pin_set;
    unsigned char so_tries, user_tries;
    uint32_t iterations;
    unsigned char so_wrap[VK_WRAP_SIZE], user_wrap[VK_WRAP_SIZE];
    struct vk_unlocking unlocking;
    uint32_t next_handle;
    struct vk_object *objects;
};

enum vk_load { VK_ABSENT, VK_UNCHANGED, VK_LOADED, VK_UNREADABLE };

/* Read the file into `token` unless its state id says that nothing changed. */
enum vk_load vk_load(const char *path, struct vk_token *token);
/* Replace the file. `token_key` seals private objects that were made or changed while unlocked. */
CK_RV vk_save(const char *path, struct vk_token *token, const unsigned char *token_key,
              enum vp_crash crash);
void vk_token_clear(struct vk_token *token);
/* Make a blank token a fresh one: new epoch, new token key, no objects, full tries. */
bool vk_token_format(struct vk_token *token, const char label[32], const unsigned char *so_pin,
                     size_t length);

bool vk_wrap(const struct vk_token *token, const unsigned char *pin, size_t length,
             const unsigned char token_key[VK_KEY_SIZE], unsigned char wrap[VK_WRAP_SIZE]);
/* False: not this PIN. */
bool vk_unwrap(const struct vk_token *token, const unsigned char *pin, size_t length,
               const unsigned char wrap[VK_WRAP_SIZE], unsigned char token_key[VK_KEY_SIZE]);
/* The token key under a 32-byte secret instead of a PIN, bound to the token's epoch and to signer
   and recipient of unlocking, which stand in the file in clear. */
bool vk_seal_key(const struct vk_token *token, const unsigned char secret[VK_KEY_SIZE],
                 const unsigned char token_key[VK_KEY_SIZE],
                 unsigned char sealed[VK_SEALED_KEY_SIZE]);
bool vk_unseal_key(const struct vk_token *token, const unsigned char secret[VK_KEY_SIZE],
                   unsigned char token_key[VK_KEY_SIZE]);
/* Open all private objects after a login; forget their content at logout. */
bool vk_unlock(struct vk_token *token, const unsigned char token_key[VK_KEY_SIZE]);
void vk_relock(struct vk_token *token);

uint32_t vk_number_at(const unsigned char *bytes);
void vk_number_to(unsigned char *bytes, uint32_t number);
struct vk_object *vk_object_new(void);
void vk_object_free(struct vk_object *object);
/* Wipe attributes and key; handle and sealed form stay. */
void vk_object_forget(struct vk_object *object);
struct vk_attribute *vk_get(const struct vk_object *object, CK_ATTRIBUTE_TYPE type);
bool vk_set(struct vk_object *object, CK_ATTRIBUTE_TYPE type, const void *value, size_t length);
bool vk_set_number(struct vk_object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG number);
bool vk_set_flag(struct vk_object *object, CK_ATTRIBUTE_TYPE type, bool flag);
CK_ULONG vk_number(const struct vk_object *object, CK_ATTRIBUTE_TYPE type);
bool vk_flag(const struct vk_object *object, CK_ATTRIBUTE_TYPE type);

#endif
