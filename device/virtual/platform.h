/* Everything the virtual Ukey asks of the operating system. Paths and values are UTF-8. */
#ifndef SEALDESK_PLATFORM_H
#define SEALDESK_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

#define VP_PATH_SIZE 4096

/* Where a simulated power cut strikes while a file is replaced (fault switch `crash`). */
enum vp_crash { VP_NO_CRASH, VP_CRASH_MID_WRITE, VP_CRASH_BEFORE_RENAME };

bool vp_environment(const char *name, char *out, size_t size);
/* The folder of token files: $SEALDESK_VUKEY_DIR, else the user's data folder. */
bool vp_folder(char *out, size_t size);
bool vp_exists(const char *path);
/* At most `limit` bytes into a fresh buffer (free with OPENSSL_free); false: no such file. */
bool vp_read(const char *path, size_t limit, unsigned char **data, size_t *length);
/* Write a temporary file, flush it to the disk, rename it over `path`: old or new, never half. */
bool vp_replace(const char *path, const unsigned char *data, size_t length, enum vp_crash crash);
bool vp_rename(const char *from, const char *to);
/* An exclusive lock between processes, as long as the file stays open; NULL if it fails. */
void *vp_lock(const char *path);
void vp_unlock(void *lock);
void vp_mutex_lock(void);
void vp_mutex_unlock(void);
void vp_sleep_ms(unsigned long milliseconds);
unsigned long vp_process_id(void);

#endif
