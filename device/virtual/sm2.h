/* SM2 and SM3 by OpenSSL's libcrypto, for the keys of the virtual Ukey. */
#ifndef SEALDESK_SM2_H
#define SEALDESK_SM2_H

#include "store.h"

#define SM2_E_SIZE 32
#define SM3_SIZE 32
#define SM2_RAW_SIZE 64
#define SM2_DER_MAX 72
#define SM2_DEFAULT_ID "1234567812345678"
#define SM2_CURVE_SIZE 10

extern const unsigned char SM2_CURVE[SM2_CURVE_SIZE]; /* OBJECT IDENTIFIER 1.2.156.10197.1.301 */

/* A key pair made here: its public point and private value are put on the two objects. */
bool sm2_generate(struct vk_object *public_key, struct vk_object *private_key);
/* The key of an unlocked private object (owned by the object), NULL on failure. */
EVP_PKEY *sm2_key(struct vk_object *private_key);
bool sm3(const unsigned char *data, size_t length, unsigned char digest[SM3_SIZE]);
/* Hash contexts: SM3 alone, and SM3(Z || message) that ends in a signature. */
EVP_MD_CTX *sm3_begin(void);
EVP_MD_CTX *sm2_begin_with_id(EVP_PKEY *key, const unsigned char *id, size_t length);
/* All signatures come out as DER SEQUENCE { r, s }, at most SM2_DER_MAX bytes; 0 on failure. */
size_t sm2_sign_e(EVP_PKEY *key, const unsigned char e[SM2_E_SIZE], unsigned char *der);
size_t sm2_finish_with_id(EVP_MD_CTX *context, unsigned char *der);
bool sm2_der_to_raw(const unsigned char *der, size_t length, unsigned char raw[SM2_RAW_SIZE]);

/* Another's key by its point 04 || X || Y, NULL if that is none of the curve; free with EVP_PKEY_free. */
EVP_PKEY *sm2_public_key(const unsigned char point[VK_POINT_SIZE]);
/* Is `der` the signature over SM3(Z || message) with the default id? */
bool sm2_verify(EVP_PKEY *key, const unsigned char *message, size_t length,
                const unsigned char *der, size_t der_length);
/* SM2Cipher (GM/T 0009) into `out`, at most VK_CIPHER_MAX bytes; 0 on failure. */
size_t sm2_encrypt(EVP_PKEY *key, const unsigned char *plain, size_t length, unsigned char *out);

#endif
