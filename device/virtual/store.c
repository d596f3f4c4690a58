/* The token's state: one sealed file on disk, replaced as a whole. */
#include "store.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "SDVUKEY1"
#define MAGIC_SIZE 8
#define HEADER_SIZE (MAGIC_SIZE + VK_ID_SIZE)
#define DIGEST_SIZE 32
#define SALT_SIZE 16
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define SEAL_OVERHEAD (NONCE_SIZE + TAG_SIZE)
#ifndef ITERATIONS /* the tests compile it with fewer (tests/world/home.py): they log in a thousand times */
#define ITERATIONS 50000
#endif
#define MAX_ITERATIONS 10000000 /* a forged file must not make the PIN check run for hours */
#define MAX_AAD (VK_ID_SIZE + 4)
#define UNLOCKER_AAD (VK_ID_SIZE + 2 * VK_POINT_SIZE)

/* ------------------------------------------------------------------------ bytes in and out */

struct reader { const unsigned char *at, *end; bool ok; };
struct writer { unsigned char *start; size_t length, room; bool ok; };

static const unsigned char *take(struct reader *in, size_t length)
{
    if (!in->ok || (size_t)(in->end - in->at) < length) {
        in->ok = false;
        return NULL;
    }
    in->at += length;
    return in->at - length;
}

static void take_into(struct reader *in, void *out, size_t length)
{
    const unsigned char *bytes = take(in, length);
    if (bytes != NULL)
        memcpy(out, bytes, length);
}

static uint32_t take_number(struct reader *in)
{
    const unsigned char *bytes = take(in, 4);
    return bytes != NULL ? vk_number_at(bytes) : 0;
}

static unsigned char take_byte(struct reader *in)
{
    const unsigned char *byte = take(in, 1);
    return byte != NULL ? *byte : 0;
}

static unsigned char *reserve(struct writer *out, size_t length)
{
    if (!out->ok || out->room - out->length < length) {
        out->ok = false;
        return NULL;
    }
    out->length += length;
    return out->start + out->length - length;
}

static void put(struct writer *out, const void *bytes, size_t length)
{
    unsigned char *place = reserve(out, length);
    if (place != NULL && length > 0)
        memcpy(place, bytes, length);
}

static void put_byte(struct writer *out, unsigned char byte) { put(out, &byte, 1); }

static void put_number(struct writer *out, uint32_t number)
{
    unsigned char bytes[4];
    vk_number_to(bytes, number);
    put(out, bytes, sizeof bytes);
}

/* ------------------------------------------------------------------------ sealing */

/* nonce | ciphertext | tag; `out` has SEAL_OVERHEAD more bytes than `plain`. */
static bool seal(const unsigned char *key, const unsigned char *aad, size_t aad_length,
                 const unsigned char *plain, size_t length, unsigned char *out)
{
    int written = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool sealed = cipher != NULL && RAND_bytes(out, NONCE_SIZE) == 1
        && EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, out) == 1
        && EVP_EncryptUpdate(cipher, NULL, &written, aad, (int)aad_length) == 1
        && EVP_EncryptUpdate(cipher, out + NONCE_SIZE, &written, plain, (int)length) == 1
        && EVP_EncryptFinal_ex(cipher, out + NONCE_SIZE + length, &written) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE,
                               out + NONCE_SIZE + length) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return sealed;
}

/* `length` counts the sealed bytes; `plain` needs length - SEAL_OVERHEAD. */
static bool unseal(const unsigned char *key, const unsigned char *aad, size_t aad_length,
                   const unsigned char *sealed, size_t length, unsigned char *plain)
{
    if (length < SEAL_OVERHEAD)
        return false;
    int written = 0;
    size_t inner = length - SEAL_OVERHEAD;
    unsigned char tag[TAG_SIZE];
    memcpy(tag, sealed + NONCE_SIZE + inner, TAG_SIZE);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool opened = cipher != NULL
        && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed) == 1
        && EVP_DecryptUpdate(cipher, NULL, &written, aad, (int)aad_length) == 1
        && EVP_DecryptUpdate(cipher, plain, &written, sealed + NONCE_SIZE, (int)inner) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1
        && EVP_DecryptFinal_ex(cipher, plain + inner, &written) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (!opened)
        OPENSSL_cleanse(plain, inner);
    return opened;
}

static bool pin_key(const struct vk_token *token, const unsigned char *pin, size_t length,
                    const unsigned char *salt, unsigned char key[VK_KEY_SIZE])
{
    return PKCS5_PBKDF2_HMAC((const char *)pin, (int)length, salt, SALT_SIZE,
                             (int)token->iterations, EVP_sha256(), VK_KEY_SIZE, key) == 1;
}

bool vk_wrap(const struct vk_token *token, const unsigned char *pin, size_t length,
             const unsigned char token_key[VK_KEY_SIZE], unsigned char wrap[VK_WRAP_SIZE])
{
    unsigned char key[VK_KEY_SIZE];
    bool wrapped = RAND_bytes(wrap, SALT_SIZE) == 1 && pin_key(token, pin, length, wrap, key)
        && seal(key, token->epoch, VK_ID_SIZE, token_key, VK_KEY_SIZE, wrap + SALT_SIZE);
    OPENSSL_cleanse(key, sizeof key);
    return wrapped;
}

bool vk_unwrap(const struct vk_token *token, const unsigned char *pin, size_t length,
               const unsigned char wrap[VK_WRAP_SIZE], unsigned char token_key[VK_KEY_SIZE])
{
    unsigned char key[VK_KEY_SIZE];
    bool opened = pin_key(token, pin, length, wrap, key)
        && unseal(key, token->epoch, VK_ID_SIZE, wrap + SALT_SIZE, VK_WRAP_SIZE - SALT_SIZE,
                  token_key);
    OPENSSL_cleanse(key, sizeof key);
    return opened;
}

/* Who writes another signer or recipient into the file gets a token key that no secret opens. */
static void bind_to_unlocker(const struct vk_token *token, unsigned char aad[UNLOCKER_AAD])
{
    memcpy(aad, token->epoch, VK_ID_SIZE);
    memcpy(aad + VK_ID_SIZE, token->unlocking.signer, VK_POINT_SIZE);
    memcpy(aad + VK_ID_SIZE + VK_POINT_SIZE, token->unlocking.recipient, VK_POINT_SIZE);
}

bool vk_seal_key(const struct vk_token *token, const unsigned char secret[VK_KEY_SIZE],
                 const unsigned char token_key[VK_KEY_SIZE],
                 unsigned char sealed[VK_SEALED_KEY_SIZE])
{
    unsigned char aad[UNLOCKER_AAD];
    bind_to_unlocker(token, aad);
    return seal(secret, aad, sizeof aad, token_key, VK_KEY_SIZE, sealed);
}

bool vk_unseal_key(const struct vk_token *token, const unsigned char secret[VK_KEY_SIZE],
                   unsigned char token_key[VK_KEY_SIZE])
{
    unsigned char aad[UNLOCKER_AAD];
    bind_to_unlocker(token, aad);
    return unseal(secret, aad, sizeof aad, token->unlocking.sealed_key, VK_SEALED_KEY_SIZE,
                  token_key);
}

/* ------------------------------------------------------------------------ objects */

static size_t content_size(const struct vk_object *object)
{
    size_t size = 0;
    for (const struct vk_attribute *a = object->attributes; a != NULL; a = a->next)
        size += 8 + a->length;
    return size;
}

static void put_content(struct writer *out, const struct vk_object *object)
{
    for (const struct vk_attribute *a = object->attributes; a != NULL; a = a->next) {
        put_number(out, a->type);
        put_number(out, a->length);
        put(out, a->value, a->length);
    }
}

static bool take_content(struct reader *in, struct vk_object *object)
{
    while (in->ok && in->at < in->end) {
        uint32_t type = take_number(in), length = take_number(in);
        const unsigned char *value = take(in, length);
        if (value != NULL && !vk_set(object, type, value, length))
            return false;
    }
    return in->ok;
}

static void bind_to(const struct vk_token *token, const struct vk_object *object,
                    unsigned char aad[MAX_AAD])
{
    memcpy(aad, token->epoch, VK_ID_SIZE);
    vk_number_to(aad + VK_ID_SIZE, (uint32_t)object->handle);
}

static bool unlock_object(const struct vk_token *token, struct vk_object *object,
                          const unsigned char *token_key)
{
    unsigned char aad[MAX_AAD], *plain = OPENSSL_malloc(object->sealed_length);
    bind_to(token, object, aad);
    bool opened = plain != NULL
        && unseal(token_key, aad, sizeof aad, object->sealed, object->sealed_length, plain);
    if (opened) {
        struct reader in = {plain, plain + object->sealed_length - SEAL_OVERHEAD, true};
        opened = take_content(&in, object);
    }
    OPENSSL_clear_free(plain, plain != NULL ? object->sealed_length : 0);
    return opened;
}

bool vk_unlock(struct vk_token *token, const unsigned char token_key[VK_KEY_SIZE])
{
    for (struct vk_object *object = token->objects; object != NULL; object = object->next)
        if (object->is_private && object->attributes == NULL
            && !unlock_object(token, object, token_key))
            return false;
    return true;
}

void vk_relock(struct vk_token *token)
{
    for (struct vk_object *object = token->objects; object != NULL; object = object->next)
        if (object->is_private)
            vk_object_forget(object);
}

/* ------------------------------------------------------------------------ the token */

void vk_token_clear(struct vk_token *token)
{
    while (token->objects != NULL) {
        struct vk_object *object = token->objects;
        token->objects = object->next;
        vk_object_free(object);
    }
    OPENSSL_cleanse(token, sizeof *token);
}

bool vk_token_format(struct vk_token *token, const char label[32], const unsigned char *so_pin,
                     size_t length)
{
    unsigned char token_key[VK_KEY_SIZE], number[7];
    char serial[17];
    if (RAND_bytes(number, sizeof number) != 1)
        return false;
    if (token->initialised) /* a re-initialised token is still the same piece of hardware */
        memcpy(serial, token->serial, 16);
    else
        (void)snprintf(serial, sizeof serial, "VK%02X%02X%02X%02X%02X%02X%02X", number[0],
                       number[1], number[2], number[3], number[4], number[5], number[6]);
    vk_token_clear(token);
    memcpy(token->serial, serial, 16);
    memcpy(token->label, label, 32);
    token->iterations = ITERATIONS;
    token->so_tries = token->user_tries = VK_TRIES;
    token->next_handle = 1;
    token->initialised = RAND_bytes(token->epoch, VK_ID_SIZE) == 1
        && RAND_priv_bytes(token_key, VK_KEY_SIZE) == 1
        && vk_wrap(token, so_pin, length, token_key, token->so_wrap);
    OPENSSL_cleanse(token_key, sizeof token_key);
    return token->initialised;
}

/* ------------------------------------------------------------------------ the file */

static bool digest_of(const unsigned char *data, size_t length, unsigned char digest[DIGEST_SIZE])
{
    return EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL) == 1;
}

static bool take_object(struct reader *in, struct vk_token *token, struct vk_object ***tail)
{
    struct vk_object *object = vk_object_new();
    if (object == NULL)
        return false;
    **tail = object; /* in the list from now on: freed with the token whatever happens */
    *tail = &object->next;
    object->handle = take_number(in);
    object->is_private = take_byte(in) != 0;
    uint32_t length = take_number(in);
    const unsigned char *content = take(in, length);
    if (content == NULL || object->handle == 0 || object->handle >= token->next_handle)
        return false;
    if (!object->is_private) {
        struct reader inner = {content, content + length, true};
        return take_content(&inner, object);
    }
    object->sealed = OPENSSL_memdup(content, length);
    object->sealed_length = length;
    return length >= SEAL_OVERHEAD && object->sealed != NULL;
}

static void take_unlocking(struct reader *in, struct vk_unlocking *unlocking)
{
    take_into(in, unlocking->signer, VK_POINT_SIZE);
    take_into(in, unlocking->recipient, VK_POINT_SIZE);
    take_into(in, unlocking->nonce, VK_ID_SIZE);
    take_into(in, unlocking->sealed_key, VK_SEALED_KEY_SIZE);
    unlocking->cipher_length = take_number(in);
    if (unlocking->cipher_length > VK_CIPHER_MAX)
        in->ok = false;
    else
        take_into(in, unlocking->cipher, unlocking->cipher_length);
}

static void put_unlocking(struct writer *out, const struct vk_unlocking *unlocking)
{
    put(out, unlocking->signer, VK_POINT_SIZE);
    put(out, unlocking->recipient, VK_POINT_SIZE);
    put(out, unlocking->nonce, VK_ID_SIZE);
    put(out, unlocking->sealed_key, VK_SEALED_KEY_SIZE);
    put_number(out, unlocking->cipher_length);
    put(out, unlocking->cipher, unlocking->cipher_length);
}

static bool parse(const unsigned char *data, size_t length, struct vk_token *token)
{
    unsigned char digest[DIGEST_SIZE];
    if (length < HEADER_SIZE + DIGEST_SIZE || memcmp(data, MAGIC, MAGIC_SIZE) != 0)
        return false;
    struct reader in = {data + MAGIC_SIZE, data + length - DIGEST_SIZE, true};
    if (!digest_of(data, length - DIGEST_SIZE, digest)
        || memcmp(digest, in.end, DIGEST_SIZE) != 0)
        return false;
    take_into(&in, token->state_id, VK_ID_SIZE);
    take_into(&in, token->epoch, VK_ID_SIZE);
    take_into(&in, token->serial, sizeof token->serial);
    take_into(&in, token->label, sizeof token->label);
    token->so_tries = take_byte(&in);
    token->user_tries = take_byte(&in);
    token->user_pin_set = take_byte(&in) != 0;
    unsigned char unlocking = take_byte(&in);
    if (unlocking > 2)
        return false;
    token->unlocking.pinned = unlocking > 0;
    token->unlocking.names_keys = unlocking == 2;
    token->iterations = take_number(&in);
    take_into(&in, token->so_wrap, VK_WRAP_SIZE);
    take_into(&in, token->user_wrap, VK_WRAP_SIZE);
    if (token->unlocking.pinned)
        take_unlocking(&in, &token->unlocking);
    token->next_handle = take_number(&in);
    uint32_t count = take_number(&in);
    struct vk_object **tail = &token->objects;
    for (uint32_t i = 0; i < count && in.ok; i++)
        if (!take_object(&in, token, &tail))
            return false;
    token->initialised = true;
    return in.ok && in.at == in.end && token->so_tries <= VK_TRIES
           && token->user_tries <= VK_TRIES && token->iterations > 0
           && token->iterations <= MAX_ITERATIONS;
}

enum vk_load vk_load(const char *path, struct vk_token *token)
{
    unsigned char *data = NULL;
    size_t length = 0;
    if (!vp_read(path, HEADER_SIZE, &data, &length))
        return VK_ABSENT;
    bool same = token->initialised
        ? length == HEADER_SIZE && memcmp(data + MAGIC_SIZE, token->state_id, VK_ID_SIZE) == 0
        : length == 0;
    OPENSSL_free(data); /* the file holds nothing in the clear that the folder does not show */
    if (same)
        return VK_UNCHANGED;
    if (!vp_read(path, VK_CAPACITY + 1, &data, &length))
        return VK_ABSENT;
    struct vk_token loaded = {0};
    bool readable = length == 0 || (length <= VK_CAPACITY && parse(data, length, &loaded));
    OPENSSL_free(data);
    if (!readable)
        vk_token_clear(&loaded);
    vk_token_clear(token);
    *token = loaded;
    return readable ? VK_LOADED : VK_UNREADABLE;
}

static bool seal_object(const struct vk_token *token, struct vk_object *object,
                        const unsigned char *token_key)
{
    unsigned char aad[MAX_AAD];
    size_t inner = content_size(object);
    unsigned char *plain = OPENSSL_malloc(inner + 1), *sealed = OPENSSL_malloc(inner + SEAL_OVERHEAD);
    struct writer out = {plain, 0, inner, plain != NULL};
    put_content(&out, object);
    bind_to(token, object, aad);
    bool done = out.ok && sealed != NULL && token_key != NULL
        && seal(token_key, aad, sizeof aad, plain, inner, sealed);
    OPENSSL_clear_free(plain, plain != NULL ? inner + 1 : 0);
    if (!done) {
        OPENSSL_free(sealed);
        return false;
    }
    object->sealed = sealed;
    object->sealed_length = (uint32_t)(inner + SEAL_OVERHEAD);
    return true;
}

static void put_object(struct writer *out, const struct vk_token *token, struct vk_object *object,
                       const unsigned char *token_key)
{
    put_number(out, (uint32_t)object->handle);
    put_byte(out, object->is_private);
    if (!object->is_private) {
        put_number(out, (uint32_t)content_size(object));
        put_content(out, object);
        return;
    }
    if (object->sealed == NULL && !seal_object(token, object, token_key))
        out->ok = false;
    put_number(out, object->sealed_length);
    put(out, object->sealed, object->sealed_length);
}

CK_RV vk_save(const char *path, struct vk_token *token, const unsigned char *token_key,
              enum vp_crash crash)
{
    unsigned char fresh[VK_ID_SIZE], *buffer = OPENSSL_malloc(VK_CAPACITY);
    if (buffer == NULL)
        return CKR_HOST_MEMORY;
    struct writer out = {buffer, 0, VK_CAPACITY - DIGEST_SIZE, RAND_bytes(fresh, VK_ID_SIZE) == 1};
    uint32_t count = 0;
    for (struct vk_object *object = token->objects; object != NULL; object = object->next)
        count++;
    put(&out, MAGIC, MAGIC_SIZE);
    put(&out, fresh, VK_ID_SIZE);
    put(&out, token->epoch, VK_ID_SIZE);
    put(&out, token->serial, sizeof token->serial);
    put(&out, token->label, sizeof token->label);
    put_byte(&out, token->so_tries);
    put_byte(&out, token->user_tries);
    put_byte(&out, token->user_pin_set);
    put_byte(&out, token->unlocking.names_keys ? 2 : token->unlocking.pinned);
    put_number(&out, token->iterations);
    put(&out, token->so_wrap, VK_WRAP_SIZE);
    put(&out, token->user_wrap, VK_WRAP_SIZE);
    if (token->unlocking.pinned)
        put_unlocking(&out, &token->unlocking);
    put_number(&out, token->next_handle);
    put_number(&out, count);
    for (struct vk_object *object = token->objects; object != NULL; object = object->next)
        put_object(&out, token, object, token_key);
    CK_RV result = out.ok ? CKR_OK : CKR_DEVICE_MEMORY;
    if (out.ok) {
        bool written = digest_of(buffer, out.length, buffer + out.length)
            && vp_replace(path, buffer, out.length + DIGEST_SIZE, crash);
        result = written ? CKR_OK : CKR_DEVICE_ERROR;
    }
    if (result == CKR_OK)
        memcpy(token->state_id, fresh, VK_ID_SIZE);
    OPENSSL_free(buffer);
    return result;
}
