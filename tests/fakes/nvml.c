/* A driver library for tests: what nvidia-ml-py calls, with cards and faults chosen by environment variables.
 *
 *   FAKE_NVML_CARDS=2            how many cards                 FAKE_NVML_DRIVER=580.65.06, FAKE_NVML_CUDA=13000
 *   FAKE_NVML_INIT=18            what nvmlInit answers          FAKE_NVML_STILL=1   values that do not change
 *   FAKE_NVML_FAULTS=0:lost@3-6,1:permission,2:unsupported,3:failed    per card, from one look to another (looks count from 1)
 *   FAKE_NVML_HANG=3, FAKE_NVML_CRASH=3    at that look at card 0;   FAKE_NVML_ONCE=FILE   only while FILE does not exist
 *   FAKE_NVML_NAME="NVIDIA A100|NVIDIA RTX 2080", FAKE_NVML_CAPABILITY="8.0|7.5"    by card; the last goes for the rest
 *   FAKE_NVML_PROCESSES=0:4711:2048        card:pid:MiB, separated by commas
 * Compiled with -DOLD_DRIVER it lacks the newer functions.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, BAD_ARGUMENT = 2, UNSUPPORTED = 3, PERMISSION = 4, NOT_FOUND = 6, TOO_SMALL = 7, LOST = 15, UNKNOWN = 999 };
#define MOST 64
#define MIB (1024ULL * 1024ULL)
typedef unsigned long long u64;
typedef struct { int index; int looks; } Card;
typedef struct { unsigned pid; u64 memory; unsigned instance, compute; } Process;
typedef struct { u64 total, free, used; } Memory;
typedef struct { unsigned version; u64 total, reserved, free, used; } Memory2;
static Card cards[MOST];

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}
static int number(const char *name, int otherwise) { return atoi(setting(name, "")) ?: otherwise; }
static int count(void) { return atoi(setting("FAKE_NVML_CARDS", "1")); }
static int text(char *to, unsigned size, const char *value) { snprintf(to, size, "%s", value); return OK; }
static const char *of_card(const char *list, int index) { /* the card's part of a list */
    static char part[256];
    for (const char *end; index > 0 && (end = strchr(list, '|')); index--) list = end + 1;
    text(part, sizeof part, list);
    part[strcspn(part, "|")] = 0;
    return part;
}

static int fault(const Card *card) {
    char copy[1024];
    text(copy, sizeof copy, setting("FAKE_NVML_FAULTS", ""));
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        int index = -1, from = 0, until = 1 << 30;
        char kind[32] = "";
        if (sscanf(part, "%d:%31[a-z]@%d-%d", &index, kind, &from, &until) < 2 || index != card->index) continue;
        if (card->looks < from || card->looks > until) continue;
        if (!strcmp(kind, "lost")) return LOST;
        if (!strcmp(kind, "permission")) return PERMISSION;
        if (!strcmp(kind, "unsupported")) return UNSUPPORTED;
        if (!strcmp(kind, "failed")) return UNKNOWN;
    }
    return OK;
}

/* A slow wave between low and high, another one for each card and quantity. */
static double wave(const Card *card, double low, double high, double phase) {
    if (*setting("FAKE_NVML_STILL", "")) return low + card->index;
    double t = (double)time(NULL) / 20.0 + card->index * 1.7 + phase;
    return low + (high - low) * (0.5 + 0.35 * sin(t) + 0.15 * sin(3.1 * t));
}

static void misbehave(const Card *card) {
    const char *once = setting("FAKE_NVML_ONCE", "");
    if (card->index || (*once && access(once, F_OK) == 0)) return;
    int hang = number("FAKE_NVML_HANG", 0) == card->looks, crash = number("FAKE_NVML_CRASH", 0) == card->looks;
    if (!hang && !crash) return;
    if (*once) fclose(fopen(once, "w"));
    if (crash) { signal(SIGSEGV, SIG_DFL); raise(SIGSEGV); }
    for (;;) pause();
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    for (int i = 0; i < MOST; i++) cards[i].index = i;
    return number("FAKE_NVML_INIT", OK);
}
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) {
    switch (code) {
        case 9: return "Driver Not Loaded";
        case PERMISSION: return "Insufficient Permissions";
        case LOST: return "GPU is lost";
        case 18: return "Driver/library version mismatch";
        default: return "Unknown Error";
    }
}
int nvmlSystemGetDriverVersion(char *to, unsigned size) { return text(to, size, setting("FAKE_NVML_DRIVER", "580.65.06")); }
int nvmlSystemGetNVMLVersion(char *to, unsigned size) { return text(to, size, "13.580.65.06"); }
int nvmlSystemGetCudaDriverVersion(int *to) { *to = number("FAKE_NVML_CUDA", 13000); return OK; }
int nvmlSystemGetCudaDriverVersion_v2(int *to) { return nvmlSystemGetCudaDriverVersion(to); }
int nvmlSystemGetProcessName(unsigned pid, char *to, unsigned size) { (void)pid; return text(to, size, "/usr/bin/fake"); }
int nvmlDeviceGetCount_v2(unsigned *to) { *to = (unsigned)count(); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Card **to) {
    if (index >= (unsigned)count()) return BAD_ARGUMENT;
    *to = &cards[index];
    int code = fault(*to);
    return code == LOST || code == PERMISSION ? code : OK;
}
static void uuid_of(int index, char *to, unsigned size) { snprintf(to, size, "GPU-00000000-0000-4000-8000-%012d", index); }
int nvmlDeviceGetHandleByUUID(const char *uuid, Card **to) {
    for (int i = 0; i < count(); i++) {
        char own[64];
        uuid_of(i, own, sizeof own);
        if (strcmp(own, uuid)) continue;
        *to = &cards[i];
        if (fault(*to) == LOST) { cards[i].looks++; return LOST; }
        return OK;
    }
    return NOT_FOUND;
}
int nvmlDeviceGetUUID(Card *card, char *to, unsigned size) { uuid_of(card->index, to, size); return OK; }
int nvmlDeviceGetName(Card *card, char *to, unsigned size) {
    return text(to, size, of_card(setting("FAKE_NVML_NAME", "NVIDIA GeForce RTX 4070"), card->index));
}

#define UNLESS_FAULTY(card) do { int code_ = fault(card); if (code_) return code_; } while (0)

int nvmlDeviceGetUtilizationRates(Card *card, unsigned *to) {
    card->looks++;
    misbehave(card);
    UNLESS_FAULTY(card);
    to[0] = (unsigned)wave(card, 40, 99, 0);
    to[1] = (unsigned)wave(card, 20, 60, 1);
    return OK;
}
static u64 used(const Card *card) { return (u64)wave(card, 3000, 9000, 2) * MIB; }
int nvmlDeviceGetMemoryInfo(Card *card, Memory *to) { /* counts what the driver keeps for itself as used */
    UNLESS_FAULTY(card);
    *to = (Memory){12288 * MIB, 12288 * MIB - used(card) - 300 * MIB, used(card) + 300 * MIB};
    return OK;
}
#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(Card *card, Memory2 *to) {
    UNLESS_FAULTY(card);
    if (to->version != (sizeof *to | 2u << 24)) return 25;
    *to = (Memory2){to->version, 12288 * MIB, 300 * MIB, 12288 * MIB - used(card) - 300 * MIB, used(card)};
    return OK;
}
#endif
int nvmlDeviceGetTemperature(Card *card, unsigned sensor, unsigned *to) {
    (void)sensor;
    UNLESS_FAULTY(card);
    *to = (unsigned)number("FAKE_NVML_TEMPERATURE", (int)wave(card, 45, 76, 0.5));
    return OK;
}
int nvmlDeviceGetPowerUsage(Card *card, unsigned *to) { UNLESS_FAULTY(card); *to = (unsigned)wave(card, 60, 195, 0.3) * 1000; return OK; }
int nvmlDeviceGetEnforcedPowerLimit(Card *card, unsigned *to) { UNLESS_FAULTY(card); *to = 200000; return OK; }
int nvmlDeviceGetClockInfo(Card *card, unsigned kind, unsigned *to) {
    UNLESS_FAULTY(card);
    *to = kind == 2 ? 10501 : (unsigned)wave(card, 1900, 2745, 0.2);
    return OK;
}
int nvmlDeviceGetMaxClockInfo(Card *card, unsigned kind, unsigned *to) { UNLESS_FAULTY(card); *to = kind == 2 ? 10501 : 3105; return OK; }
int nvmlDeviceGetFanSpeed(Card *card, unsigned *to) { UNLESS_FAULTY(card); *to = (unsigned)wave(card, 30, 65, 0.7); return OK; }
int nvmlDeviceGetCudaComputeCapability(Card *card, int *major, int *minor) { 
    UNLESS_FAULTY(card);
    return sscanf(of_card(setting("FAKE_NVML_CAPABILITY", "8.9"), card->index), "%d.%d", major, minor) == 2 ? OK : UNKNOWN;
}

int nvmlDeviceGetComputeRunningProcesses_v2(Card *card, unsigned *size, Process *to) {
    UNLESS_FAULTY(card);
    unsigned found = 0;
    char copy[1024];
    text(copy, sizeof copy, setting("FAKE_NVML_PROCESSES", ""));
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        int index, pid, mib;
        if (sscanf(part, "%d:%d:%d", &index, &pid, &mib) != 3 || index != card->index) continue;
        if (to && found < *size) to[found] = (Process){(unsigned)pid, (u64)mib * MIB, ~0u, ~0u};
        found++;
    }
    int code = found > *size ? TOO_SMALL : OK;
    *size = found;
    return code;
}
int nvmlDeviceGetGraphicsRunningProcesses_v2(Card *card, unsigned *size, Process *to) {
    (void)to;
    UNLESS_FAULTY(card);
    *size = 0;
    return OK;
}
#ifndef OLD_DRIVER
int nvmlDeviceGetComputeRunningProcesses_v3(Card *card, unsigned *size, Process *to) {
    unsigned room = *size;
    int code = nvmlDeviceGetComputeRunningProcesses_v2(card, size, to);
    int wrong = !strncmp(setting("FAKE_NVML_DRIVER", ""), "535.54", 6); /* as the real ones from 535.43 to 535.86 */
    for (unsigned i = 0; wrong && to && i < *size && i < room; i++) to[i].memory = to[i].pid;
    return code;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Card *card, unsigned *size, Process *to) { return nvmlDeviceGetGraphicsRunningProcesses_v2(card, size, to); }
#endif
