/* Reads the fault switches. */
#include "faults.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAULTS 1024

static char *faults(void)
{
    char folder[VP_PATH_SIZE - 16], path[VP_PATH_SIZE];
    unsigned char *data = NULL;
    size_t length = 0;
    if (!vp_folder(folder, sizeof folder))
        return NULL;
    (void)snprintf(path, sizeof path, "%s/faults", folder);
    if (!vp_read(path, MAX_FAULTS, &data, &length))
        return NULL;
    data[length] = '\0'; /* vp_read leaves room for it */
    return (char *)data;
}

/* Where the value of `name` begins, up to the end of the line; NULL if it is not set. */
static const char *value_of(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, name, length) == 0 && line[length] == '=')
            return line + length + 1;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

static bool is(const char *value, const char *word)
{
    size_t length = strlen(word);
    return value != NULL && strncmp(value, word, length) == 0
           && (value[length] == '\0' || value[length] == '\n' || value[length] == '\r');
}

static unsigned long number(const char *value) { return value != NULL ? strtoul(value, NULL, 10) : 0; }

static bool concerns(const char *text, CK_SLOT_ID slot)
{
    const char *only = value_of(text, "slot");
    return only == NULL || number(only) == slot;
}

enum vk_sign_fault vk_next_signature(CK_SLOT_ID slot, unsigned long *latency_ms)
{
    static char last[MAX_FAULTS + 1];
    static unsigned long made;
    static const struct { const char *word; enum vk_sign_fault fault; } FAULTS[] = {
        {"pull_out", VK_PULL_OUT}, {"device_error", VK_DEVICE_ERROR},
        {"garbage", VK_GARBAGE}, {"malformed", VK_MALFORMED},
    };
    enum vk_sign_fault fault = VK_SIGN_WELL;
    char *text = faults();
    *latency_ms = 0;
    if (strcmp(text != NULL ? text : "", last) != 0) {
        (void)snprintf(last, sizeof last, "%s", text != NULL ? text : "");
        made = 0;
    }
    if (text != NULL && concerns(text, slot)) {
        *latency_ms = number(value_of(text, "sign_latency_ms"));
        if (made++ >= number(value_of(text, "sign_after")))
            for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++)
                if (is(value_of(text, "sign"), FAULTS[i].word))
                    fault = FAULTS[i].fault;
    }
    OPENSSL_free(text);
    return fault;
}

enum vp_crash vk_next_write(CK_SLOT_ID slot)
{
    enum vp_crash crash = VP_NO_CRASH;
    char *text = faults();
    if (text != NULL && concerns(text, slot)) {
        if (is(value_of(text, "crash"), "mid_write"))
            crash = VP_CRASH_MID_WRITE;
        else if (is(value_of(text, "crash"), "before_rename"))
            crash = VP_CRASH_BEFORE_RENAME;
    }
    OPENSSL_free(text);
    return crash;
}
