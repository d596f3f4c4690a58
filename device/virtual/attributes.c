/* Objects in memory: lists of attributes, secrets wiped when they go. */
#include "store.h"

#include <openssl/crypto.h>
#include <string.h>

uint32_t vk_number_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16
           | (uint32_t)bytes[3] << 24;
}

void vk_number_to(unsigned char *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
}

struct vk_object *vk_object_new(void) { return OPENSSL_zalloc(sizeof(struct vk_object)); }

void vk_object_forget(struct vk_object *object)
{
    struct vk_attribute *attribute = object->attributes;
    while (attribute != NULL) {
        struct vk_attribute *next = attribute->next;
        OPENSSL_clear_free(attribute->value, attribute->length);
        OPENSSL_free(attribute);
        attribute = next;
    }
    object->attributes = NULL;
    EVP_PKEY_free(object->key);
    object->key = NULL;
}

void vk_object_free(struct vk_object *object)
{
    if (object == NULL)
        return;
    vk_object_forget(object);
    OPENSSL_free(object->sealed);
    OPENSSL_free(object);
}

struct vk_attribute *vk_get(const struct vk_object *object, CK_ATTRIBUTE_TYPE type)
{
    struct vk_attribute *attribute = object->attributes;
    while (attribute != NULL && attribute->type != type)
        attribute = attribute->next;
    return attribute;
}

bool vk_set(struct vk_object *object, CK_ATTRIBUTE_TYPE type, const void *value, size_t length)
{
    if (length > VK_CAPACITY)
        return false;
    unsigned char *copy = length > 0 ? OPENSSL_memdup(value, length) : NULL;
    struct vk_attribute *attribute = vk_get(object, type);
    if (length > 0 && copy == NULL)
        return false;
    if (attribute == NULL) {
        attribute = OPENSSL_zalloc(sizeof *attribute);
        if (attribute == NULL) {
            OPENSSL_clear_free(copy, length);
            return false;
        }
        attribute->type = (uint32_t)type;
        attribute->next = object->attributes;
        object->attributes = attribute;
    }
    OPENSSL_clear_free(attribute->value, attribute->length);
    attribute->value = copy;
    attribute->length = (uint32_t)length;
    return true;
}

bool vk_set_number(struct vk_object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG number)
{
    unsigned char bytes[4];
    vk_number_to(bytes, (uint32_t)number);
    return vk_set(object, type, bytes, sizeof bytes);
}

bool vk_set_flag(struct vk_object *object, CK_ATTRIBUTE_TYPE type, bool flag)
{
    unsigned char byte = flag ? CK_TRUE : CK_FALSE;
    return vk_set(object, type, &byte, 1);
}

CK_ULONG vk_number(const struct vk_object *object, CK_ATTRIBUTE_TYPE type)
{
    const struct vk_attribute *attribute = vk_get(object, type);
    if (attribute == NULL || attribute->length != 4 || vk_number_at(attribute->value) == UINT32_MAX)
        return CK_UNAVAILABLE_INFORMATION;
    return vk_number_at(attribute->value);
}

bool vk_flag(const struct vk_object *object, CK_ATTRIBUTE_TYPE type)
{
    const struct vk_attribute *attribute = vk_get(object, type);
    return attribute != NULL && attribute->length == 1 && attribute->value[0] != CK_FALSE;
}
