/* Attribute templates: which attribute belongs to which class, who may give it, who may change it. */
#include "module.h"

#include <string.h>

enum kind { FLAG, NUMBER, BYTES };
enum { DATA = 1, CERT = 2, PUB = 4, PRIV = 8, KEYS = PUB | PRIV, ALL = DATA | CERT | KEYS, HW = 16 };

static const struct rule {
    CK_ATTRIBUTE_TYPE type;
    enum kind kind;
    unsigned classes, given, changed; /* has it; may stand in a template; may be changed later */
} RULES[] = {
    {CKA_CLASS, NUMBER, ALL | HW, ALL, 0},
    {CKA_TOKEN, FLAG, ALL | HW, ALL, 0},
    {CKA_PRIVATE, FLAG, ALL | HW, ALL, 0},
    {CKA_MODIFIABLE, FLAG, ALL | HW, ALL, 0},
    {CKA_COPYABLE, FLAG, ALL, ALL, 0},
    {CKA_DESTROYABLE, FLAG, ALL, ALL, 0},
    {CKA_LABEL, BYTES, ALL, ALL, ALL},
    {CKA_APPLICATION, BYTES, DATA, DATA, DATA},
    {CKA_OBJECT_ID, BYTES, DATA, DATA, DATA},
    {CKA_VALUE, BYTES, DATA | CERT | PRIV, DATA | CERT, DATA},
    {CKA_CERTIFICATE_TYPE, NUMBER, CERT, CERT, 0},
    {CKA_CERTIFICATE_CATEGORY, NUMBER, CERT, CERT, 0},
    {CKA_TRUSTED, FLAG, CERT, 0, 0},
    {CKA_SUBJECT, BYTES, CERT | KEYS, CERT | KEYS, KEYS},
    {CKA_ID, BYTES, CERT | KEYS, CERT | KEYS, CERT | KEYS},
    {CKA_ISSUER, BYTES, CERT, CERT, CERT},
    {CKA_SERIAL_NUMBER, BYTES, CERT, CERT, CERT},
    {CKA_KEY_TYPE, NUMBER, KEYS, KEYS, 0},
    {CKA_EC_PARAMS, BYTES, KEYS, PUB, 0},
    {CKA_EC_POINT, BYTES, KEYS, 0, 0},
    {CKA_ENCRYPT, FLAG, PUB, PUB, 0},
    {CKA_WRAP, FLAG, PUB, PUB, 0},
    {CKA_VERIFY, FLAG, PUB, PUB, 0},
    {CKA_VERIFY_RECOVER, FLAG, PUB, PUB, 0},
    {CKA_DERIVE, FLAG, KEYS, KEYS, 0},
    {CKA_DECRYPT, FLAG, PRIV, PRIV, 0},
    {CKA_UNWRAP, FLAG, PRIV, PRIV, 0},
    {CKA_SIGN, FLAG, PRIV, PRIV, 0},
    {CKA_SIGN_RECOVER, FLAG, PRIV, PRIV, 0},
    {CKA_SENSITIVE, FLAG, PRIV, PRIV, 0},
    {CKA_EXTRACTABLE, FLAG, PRIV, PRIV, 0},
    {CKA_ALWAYS_AUTHENTICATE, FLAG, PRIV, PRIV, 0},
    {CKA_ALWAYS_SENSITIVE, FLAG, PRIV, 0, 0},
    {CKA_NEVER_EXTRACTABLE, FLAG, PRIV, 0, 0},
    {CKA_LOCAL, FLAG, KEYS, 0, 0},
    {CKA_KEY_GEN_MECHANISM, NUMBER, KEYS, 0, 0},
    {CKA_HW_FEATURE_TYPE, NUMBER, HW, 0, 0},
    {CKA_SEALDESK_USER_TRIES, NUMBER, HW, 0, 0},
    {CKA_SEALDESK_SO_TRIES, NUMBER, HW, 0, 0},
};

static const struct rule *rule_for(CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].type == type)
            return &RULES[i];
    return NULL;
}

static unsigned class_bit(CK_ULONG class)
{
    switch (class) {
    case CKO_DATA: return DATA;
    case CKO_CERTIFICATE: return CERT;
    case CKO_PUBLIC_KEY: return PUB;
    case CKO_PRIVATE_KEY: return PRIV;
    case CKO_HW_FEATURE: return HW;
    default: return 0;
    }
}

const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *template, CK_ULONG count,
                                  CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (template[i].type == type)
            return &template[i];
    return NULL;
}

/* Pointers and lengths that can be read at all, no attribute twice. */
CK_RV template_check(const CK_ATTRIBUTE *template, CK_ULONG count)
{
    if (template == NULL && count > 0)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].ulValueLen == CK_UNAVAILABLE_INFORMATION || template[i].ulValueLen > VK_CAPACITY
            || (template[i].pValue == NULL && template[i].ulValueLen > 0))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        if (template_find(template, i, template[i].type) != NULL)
            return CKR_TEMPLATE_INCONSISTENT;
    }
    return CKR_OK;
}

static CK_RV set_from(struct vk_object *object, const struct rule *rule, const CK_ATTRIBUTE *given)
{
    CK_ULONG number;
    CK_BBOOL flag;
    bool set = false;
    switch (rule->kind) {
    case FLAG:
        if (given->ulValueLen != sizeof flag)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        memcpy(&flag, given->pValue, sizeof flag);
        if (flag > CK_TRUE)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        set = vk_set_flag(object, rule->type, flag != CK_FALSE);
        break;
    case NUMBER:
        if (given->ulValueLen != sizeof number)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        memcpy(&number, given->pValue, sizeof number); /* may lie unaligned */
        if (number > UINT32_MAX)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        set = vk_set_number(object, rule->type, number);
        break;
    case BYTES:
        set = vk_set(object, rule->type, given->pValue, given->ulValueLen);
        break;
    }
    return set ? CKR_OK : CKR_HOST_MEMORY;
}

/* Put a checked template on an object that already has the defaults of its class. */
CK_RV template_apply(struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_ULONG class)
{
    unsigned bit = class_bit(class);
    CK_RV result = CKR_OK;
    for (CK_ULONG i = 0; i < count && result == CKR_OK; i++) {
        const struct rule *rule = rule_for(template[i].type);
        if (rule == NULL || !(rule->classes & bit))
            result = CKR_ATTRIBUTE_TYPE_INVALID;
        else if (!(rule->given & bit))
            result = CKR_ATTRIBUTE_READ_ONLY;
        else
            result = set_from(object, rule, &template[i]);
    }
    return result == CKR_OK && vk_number(object, CKA_CLASS) != class ? CKR_TEMPLATE_INCONSISTENT
                                                                     : result;
}

/* All or nothing: everything is checked before anything is changed. */
CK_RV template_change(struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count)
{
    unsigned bit = class_bit(vk_number(object, CKA_CLASS));
    for (CK_ULONG i = 0; i < count; i++) {
        const struct rule *rule = rule_for(template[i].type);
        if (rule == NULL || !(rule->classes & bit))
            return CKR_ATTRIBUTE_TYPE_INVALID;
        if (!(rule->changed & bit))
            return CKR_ATTRIBUTE_READ_ONLY;
    }
    CK_RV result = CKR_OK;
    for (CK_ULONG i = 0; i < count && result == CKR_OK; i++)
        result = set_from(object, rule_for(template[i].type), &template[i]);
    return result;
}

bool template_matches(const struct vk_object *object, const CK_ATTRIBUTE *template, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        const struct rule *rule = rule_for(template[i].type);
        const struct vk_attribute *own = vk_get(object, template[i].type);
        CK_ULONG number;
        if (rule == NULL || own == NULL)
            return false;
        if (rule->type == CKA_VALUE && vk_flag(object, CKA_SENSITIVE))
            return false; /* a search must not become an oracle for a private key */
        if (rule->kind == NUMBER) {
            if (template[i].ulValueLen != sizeof number)
                return false;
            memcpy(&number, template[i].pValue, sizeof number);
            if (number != vk_number(object, rule->type))
                return false;
        } else if (own->length != template[i].ulValueLen
                   || (own->length > 0
                       && memcmp(own->value, template[i].pValue, own->length) != 0)) {
            return false;
        }
    }
    return true;
}

CK_RV attribute_read(const struct vk_object *object, CK_ATTRIBUTE *out)
{
    const struct rule *rule = rule_for(out->type);
    const struct vk_attribute *own = vk_get(object, out->type);
    CK_ULONG number = vk_number(object, out->type);
    CK_ULONG room = out->ulValueLen;
    out->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    if (rule == NULL || own == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if (rule->type == CKA_VALUE && vk_flag(object, CKA_SENSITIVE))
        return CKR_ATTRIBUTE_SENSITIVE;
    const void *value = rule->kind == NUMBER ? (const void *)&number : own->value;
    CK_ULONG length = rule->kind == NUMBER ? sizeof number : own->length;
    if (out->pValue != NULL && room < length)
        return CKR_BUFFER_TOO_SMALL;
    if (out->pValue != NULL && length > 0)
        memcpy(out->pValue, value, length);
    out->ulValueLen = length;
    return CKR_OK;
}
