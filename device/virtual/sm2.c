/* SM2 signatures over libcrypto: EVP_PKEY_sign on an SM2 key takes e as it is, EVP_DigestSign adds Z. */
#include "sm2.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <string.h>

#define COORDINATE 32
#define POINT_SIZE (1 + 2 * COORDINATE)
#define WRAPPED_POINT_SIZE (2 + POINT_SIZE) /* CKA_EC_POINT: the point in a DER OCTET STRING */

const unsigned char SM2_CURVE[SM2_CURVE_SIZE] = {0x06, 0x08, 0x2A, 0x81, 0x1C,
                                                 0xCF, 0x55, 0x01, 0x82, 0x2D};

static bool describe(struct vk_object *object, const unsigned char *point)
{
    return vk_set(object, CKA_EC_PARAMS, SM2_CURVE, sizeof SM2_CURVE)
           && vk_set(object, CKA_EC_POINT, point, WRAPPED_POINT_SIZE)
           && vk_set_number(object, CKA_KEY_TYPE, CKK_VENDOR_SM2)
           && vk_set_number(object, CKA_KEY_GEN_MECHANISM, CKM_VENDOR_SM2_KEY_PAIR_GEN)
           && vk_set_flag(object, CKA_LOCAL, true);
}

bool sm2_generate(struct vk_object *public_key, struct vk_object *private_key)
{
    unsigned char point[WRAPPED_POINT_SIZE] = {0x04, POINT_SIZE}, secret[COORDINATE];
    size_t length = 0;
    BIGNUM *d = NULL;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    bool made = key != NULL
        && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point + 2, POINT_SIZE,
                                           &length) == 1
        && length == POINT_SIZE && point[2] == POINT_CONVERSION_UNCOMPRESSED
        && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1
        && BN_bn2binpad(d, secret, COORDINATE) == COORDINATE
        && vk_set(private_key, CKA_VALUE, secret, COORDINATE)
        && describe(private_key, point) && describe(public_key, point);
    OPENSSL_cleanse(secret, sizeof secret);
    BN_clear_free(d);
    EVP_PKEY_free(key);
    return made;
}

EVP_PKEY *sm2_key(struct vk_object *private_key)
{
    const struct vk_attribute *value = vk_get(private_key, CKA_VALUE);
    const struct vk_attribute *point = vk_get(private_key, CKA_EC_POINT);
    if (private_key->key != NULL || value == NULL || value->length != COORDINATE || point == NULL
        || point->length != WRAPPED_POINT_SIZE)
        return private_key->key;
    BIGNUM *d = BN_secure_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    if (d != NULL && BN_bin2bn(value->value, COORDINATE, d) != NULL && builder != NULL
        && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) == 1
        && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point->value + 2,
                                            POINT_SIZE) == 1
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)
        parameters = OSSL_PARAM_BLD_to_param(builder);
    if (parameters != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1
        && EVP_PKEY_fromdata(context, &private_key->key, EVP_PKEY_KEYPAIR, parameters) != 1)
        private_key->key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_clear_free(d);
    return private_key->key;
}

bool sm3(const unsigned char *data, size_t length, unsigned char digest[SM3_SIZE])
{
    return EVP_Digest(data, length, digest, NULL, EVP_sm3(), NULL) == 1;
}

EVP_MD_CTX *sm3_begin(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && EVP_DigestInit_ex(context, EVP_sm3(), NULL) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

EVP_MD_CTX *sm2_begin_with_id(EVP_PKEY *key, const unsigned char *id, size_t length)
{
    EVP_PKEY_CTX *key_context = NULL; /* belongs to the hash context */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && EVP_DigestSignInit(context, &key_context, EVP_sm3(), NULL, key) == 1
        && EVP_PKEY_CTX_set1_id(key_context, id, (int)length) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

size_t sm2_sign_e(EVP_PKEY *key, const unsigned char e[SM2_E_SIZE], unsigned char *der)
{
    size_t length = SM2_DER_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool made = context != NULL && EVP_PKEY_sign_init(context) == 1
        && EVP_PKEY_sign(context, der, &length, e, SM2_E_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    return made ? length : 0;
}

size_t sm2_finish_with_id(EVP_MD_CTX *context, unsigned char *der)
{
    size_t length = SM2_DER_MAX;
    return EVP_DigestSignFinal(context, der, &length) == 1 ? length : 0;
}

bool sm2_der_to_raw(const unsigned char *der, size_t length, unsigned char raw[SM2_RAW_SIZE])
{
    ECDSA_SIG *values = d2i_ECDSA_SIG(NULL, &der, (long)length); /* SM2 shares ECDSA's SEQUENCE */
    bool split = values != NULL
        && BN_bn2binpad(ECDSA_SIG_get0_r(values), raw, COORDINATE) == COORDINATE
        && BN_bn2binpad(ECDSA_SIG_get0_s(values), raw + COORDINATE, COORDINATE) == COORDINATE;
    ECDSA_SIG_free(values);
    return split;
}

EVP_PKEY *sm2_public_key(const unsigned char point[VK_POINT_SIZE])
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, POINT_SIZE),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    if (context != NULL && point[0] == POINT_CONVERSION_UNCOMPRESSED
        && EVP_PKEY_fromdata_init(context) == 1
        && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

bool sm2_verify(EVP_PKEY *key, const unsigned char *message, size_t length,
                const unsigned char *der, size_t der_length)
{
    EVP_PKEY_CTX *key_context = NULL; /* belongs to the hash context */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = context != NULL
        && EVP_DigestVerifyInit(context, &key_context, EVP_sm3(), NULL, key) == 1
        && EVP_PKEY_CTX_set1_id(key_context, SM2_DEFAULT_ID, (int)strlen(SM2_DEFAULT_ID)) == 1
        && EVP_DigestVerify(context, der, der_length, message, length) == 1;
    EVP_MD_CTX_free(context);
    return right;
}

size_t sm2_encrypt(EVP_PKEY *key, const unsigned char *plain, size_t length, unsigned char *out)
{
    size_t written = VK_CIPHER_MAX;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool made = context != NULL && EVP_PKEY_encrypt_init(context) == 1
        && EVP_PKEY_encrypt(context, out, &written, plain, length) == 1;
    EVP_PKEY_CTX_free(context);
    return made ? written : 0;
}
