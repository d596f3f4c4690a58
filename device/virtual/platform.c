/* The only file with calls of one operating system: POSIX first, Windows below. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#endif

#include "platform.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRASH_EXIT_CODE 86

static bool joined(char *out, size_t size, const char *first, const char *second)
{
    int length = snprintf(out, size, "%s%s", first, second);
    return length > 0 && (size_t)length < size;
}

#ifndef _WIN32 /* ------------------------------------------------------------------ POSIX */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void vp_mutex_lock(void) { pthread_mutex_lock(&mutex); }
void vp_mutex_unlock(void) { pthread_mutex_unlock(&mutex); }
unsigned long vp_process_id(void) { return (unsigned long)getpid(); }

void vp_sleep_ms(unsigned long milliseconds)
{
    struct timespec rest = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000L};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
}

bool vp_environment(const char *name, char *out, size_t size)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' && joined(out, size, value, "");
}

bool vp_folder(char *out, size_t size)
{
    char base[VP_PATH_SIZE];
    if (vp_environment("SEALDESK_VUKEY_DIR", out, size))
        return true;
    if (vp_environment("XDG_DATA_HOME", base, sizeof base))
        return joined(out, size, base, "/sealdesk/vukey");
    return vp_environment("HOME", base, sizeof base)
           && joined(out, size, base, "/.local/share/sealdesk/vukey");
}

bool vp_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

bool vp_read(const char *path, size_t limit, unsigned char **data, size_t *length)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t room = limit;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && (size_t)status.st_size < limit)
        room = (size_t)status.st_size;
    unsigned char *buffer = OPENSSL_malloc(room + 1);
    size_t done = 0;
    ssize_t got = buffer != NULL ? 1 : -1;
    while (got > 0 && done < room) {
        got = read(file, buffer + done, room - done);
        if (got > 0)
            done += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    close(file);
    if (got < 0) {
        OPENSSL_free(buffer);
        return false;
    }
    *data = buffer;
    *length = done;
    return true;
}

static bool write_all(int file, const unsigned char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, data, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        length -= (size_t)written;
    }
    return true;
}

static void flush_folder(const char *path)
{
    char folder[VP_PATH_SIZE];
    if (!joined(folder, sizeof folder, path, ""))
        return;
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    int file = open(slash != NULL ? folder : ".", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        fsync(file);
        close(file);
    }
}

bool vp_replace(const char *path, const unsigned char *data, size_t length, enum vp_crash crash)
{
    char temporary[VP_PATH_SIZE];
    if (!joined(temporary, sizeof temporary, path, ".new"))
        return false;
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    if (crash == VP_CRASH_MID_WRITE) {
        (void)write_all(file, data, length / 2);
        _exit(CRASH_EXIT_CODE);
    }
    bool written = write_all(file, data, length) && fsync(file) == 0;
    written = close(file) == 0 && written;
    if (crash == VP_CRASH_BEFORE_RENAME)
        _exit(CRASH_EXIT_CODE);
    if (!written || rename(temporary, path) != 0) {
        unlink(temporary);
        return false;
    }
    flush_folder(path);
    return true;
}

bool vp_rename(const char *from, const char *to) { return rename(from, to) == 0; }

void *vp_lock(const char *path)
{
    int *lock = OPENSSL_malloc(sizeof *lock);
    if (lock == NULL)
        return NULL;
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int failed = -1;
    if (*lock >= 0) {
        do
            failed = flock(*lock, LOCK_EX);
        while (failed != 0 && errno == EINTR);
        if (failed != 0)
            close(*lock);
    }
    if (failed == 0)
        return lock;
    OPENSSL_free(lock);
    return NULL;
}

void vp_unlock(void *lock)
{
    if (lock != NULL)
        close(*(int *)lock); /* closing the file releases its lock */
    OPENSSL_free(lock);
}

#else /* -------------------------------------------------------------------------- Windows */

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define ALL_SHARING (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static SRWLOCK mutex = SRWLOCK_INIT;

void vp_mutex_lock(void) { AcquireSRWLockExclusive(&mutex); }
void vp_mutex_unlock(void) { ReleaseSRWLockExclusive(&mutex); }
unsigned long vp_process_id(void) { return GetCurrentProcessId(); }
void vp_sleep_ms(unsigned long milliseconds) { Sleep(milliseconds); }

static bool widened(const char *text, wchar_t *out)
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out, VP_PATH_SIZE) > 0;
}

/* Not getenv: the C library's copy does not see what Python put into the environment. */
bool vp_environment(const char *name, char *out, size_t size)
{
    wchar_t wide_name[VP_PATH_SIZE], value[VP_PATH_SIZE];
    if (!widened(name, wide_name))
        return false;
    DWORD length = GetEnvironmentVariableW(wide_name, value, VP_PATH_SIZE);
    return length > 0 && length < VP_PATH_SIZE
           && WideCharToMultiByte(CP_UTF8, 0, value, -1, out, (int)size, NULL, NULL) > 0;
}

bool vp_folder(char *out, size_t size)
{
    char base[VP_PATH_SIZE];
    if (vp_environment("SEALDESK_VUKEY_DIR", out, size))
        return true;
    return vp_environment("LOCALAPPDATA", base, sizeof base)
           && joined(out, size, base, "\\SealDesk\\vukey");
}

bool vp_exists(const char *path)
{
    wchar_t wide[VP_PATH_SIZE];
    DWORD attributes = widened(path, wide) ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

bool vp_read(const char *path, size_t limit, unsigned char **data, size_t *length)
{
    wchar_t wide[VP_PATH_SIZE];
    LARGE_INTEGER size;
    if (!widened(path, wide))
        return false;
    HANDLE file = CreateFileW(wide, GENERIC_READ, ALL_SHARING, NULL, OPEN_EXISTING,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    size_t room = limit;
    if (GetFileSizeEx(file, &size) && (unsigned long long)size.QuadPart < limit)
        room = (size_t)size.QuadPart;
    unsigned char *buffer = OPENSSL_malloc(room + 1);
    DWORD done = 0;
    bool read = buffer != NULL && ReadFile(file, buffer, (DWORD)room, &done, NULL);
    CloseHandle(file);
    if (!read) {
        OPENSSL_free(buffer);
        return false;
    }
    *data = buffer;
    *length = done;
    return true;
}

/* A virus scanner may hold a file for a moment: try again for about a second. */
static bool moved(const wchar_t *from, const wchar_t *to)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
            return true;
        DWORD error = GetLastError();
        if (error != ERROR_SHARING_VIOLATION && error != ERROR_ACCESS_DENIED)
            return false;
        Sleep(20);
    }
    return false;
}

bool vp_replace(const char *path, const unsigned char *data, size_t length, enum vp_crash crash)
{
    char temporary[VP_PATH_SIZE];
    wchar_t wide[VP_PATH_SIZE], wide_temporary[VP_PATH_SIZE];
    DWORD done = 0;
    if (!joined(temporary, sizeof temporary, path, ".new") || !widened(path, wide)
        || !widened(temporary, wide_temporary))
        return false;
    HANDLE file = CreateFileW(wide_temporary, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    DWORD wanted = (DWORD)(crash == VP_CRASH_MID_WRITE ? length / 2 : length);
    bool written = WriteFile(file, data, wanted, &done, NULL) && done == wanted
                   && FlushFileBuffers(file);
    CloseHandle(file);
    if (crash != VP_NO_CRASH)
        TerminateProcess(GetCurrentProcess(), CRASH_EXIT_CODE);
    if (!written || !moved(wide_temporary, wide)) {
        DeleteFileW(wide_temporary);
        return false;
    }
    return true;
}

bool vp_rename(const char *from, const char *to)
{
    wchar_t wide_from[VP_PATH_SIZE], wide_to[VP_PATH_SIZE];
    return widened(from, wide_from) && widened(to, wide_to) && moved(wide_from, wide_to);
}

void *vp_lock(const char *path)
{
    wchar_t wide[VP_PATH_SIZE];
    OVERLAPPED start = {0};
    if (!widened(path, wide))
        return NULL;
    HANDLE file = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, ALL_SHARING, NULL, OPEN_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return NULL;
    if (LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &start))
        return file;
    CloseHandle(file);
    return NULL;
}

void vp_unlock(void *lock)
{
    if (lock != NULL)
        CloseHandle(lock);
}

#endif
