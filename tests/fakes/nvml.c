/* A driver library for tests: what nvidia-ml-py calls, with cards and faults chosen by environment variables.
 *
 *   FAKE_NVML_CARDS=2            how many cards                 FAKE_NVML_DRIVER=580.65.06, FAKE_NVML_CUDA=13000
 *   FAKE_NVML_INIT=18            what nvmlInit answers          FAKE_NVML_STILL=1   values that do not change
 *   FAKE_NVML_IDLE=1             cards without load
 *   FAKE_NVML_KIND="laptop|mig"  by card: desktop, laptop (half of it unsupported), datacentre, mig, vgpu
 *   FAKE_NVML_FAULTS=0:lost@3-6,1:permission,2:unsupported,3:failed    per card, from one look to another (looks count from 1)
 *   FAKE_NVML_HANG=3, FAKE_NVML_CRASH=3    at that look at card 0;   FAKE_NVML_ONCE=FILE   only while FILE does not exist
 *   FAKE_NVML_NAME="NVIDIA A100|NVIDIA RTX 2080", FAKE_NVML_CAPABILITY="8.0|7.5"    by card; the last goes for the rest
 *   FAKE_NVML_PROCESSES=0:4711:2048:35     card:pid:MiB:load, separated by commas; a load of -1 is an idle process
 *   FAKE_NVML_GRAPHICS=0:4712:100          the same for programs that draw
 *   FAKE_NVML_XID=0:79@3                   card:number@look, an error that the driver reports
 *   FAKE_NVML_WILD=1                       values that jump, wrap and make no sense, another one at each look
 *   FAKE_NVML_THROTTLE=0x44                the reasons' bits;   FAKE_NVML_TEMPERATURE=91
 *   FAKE_NVML_DELAY_US=500                 how long each call takes
 *   FAKE_NVML_LOG=FILE                     a line for each call: its name and its card
 * Compiled with -DOLD_DRIVER it lacks what came with drivers of the last years.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, BAD_ARGUMENT = 2, UNSUPPORTED = 3, PERMISSION = 4, NOT_FOUND = 6, TOO_SMALL = 7, TIMEOUT = 10, LOST = 15, UNKNOWN = 999 };
#define MOST 64
#define PARTS 2 /* instances of a card that is split */
#define MIB (1024ULL * 1024ULL)
typedef unsigned long long u64;
typedef struct { int index, looks, part, reported; } Card; /* part: 0 for the card, else an instance of it */
typedef struct { unsigned pid; u64 memory; unsigned instance, compute; } Process;
typedef struct { unsigned pid; u64 time; unsigned sm, memory, encoder, decoder; } Sample;
typedef struct { u64 total, free, used; } Memory;
typedef struct { unsigned version; u64 total, reserved, free, used; } Memory2;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char address[32]; } Pci;
typedef struct { Card *card; u64 type, data; unsigned instance, compute; } Event;
typedef struct { unsigned field, scope; long long time, latency; unsigned type; int code; union { double d; unsigned u; u64 ull; } value; } Field;
static Card cards[MOST], parts[MOST][PARTS];

/* Settings */

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}
static int number(const char *name, int otherwise) { return (int)strtol(setting(name, ""), NULL, 0) ?: otherwise; }
static int count(void) { return atoi(setting("FAKE_NVML_CARDS", "1")); }
static int text(char *to, unsigned size, const char *value) { snprintf(to, size, "%s", value); return OK; }
static const char *of_card(const char *list, int index) { /* the card's part of a list */
    static char part[256];
    for (const char *end; index > 0 && (end = strchr(list, '|')); index--) list = end + 1;
    text(part, sizeof part, list);
    part[strcspn(part, "|")] = 0;
    return part;
}
static int is(const Card *card, const char *kind) { return !strcmp(of_card(setting("FAKE_NVML_KIND", "desktop"), card->index), kind); }
static int split(const Card *card) { return is(card, "mig"); }
static int has_ecc(const Card *card) { return is(card, "datacentre") || split(card); }

/* Misbehaviour */

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
static void misbehave(const Card *card) {
    const char *once = setting("FAKE_NVML_ONCE", "");
    if (card->index || (*once && access(once, F_OK) == 0)) return;
    int hang = number("FAKE_NVML_HANG", 0) == card->looks, crash = number("FAKE_NVML_CRASH", 0) == card->looks;
    if (!hang && !crash) return;
    if (*once) fclose(fopen(once, "w"));
    if (crash) { signal(SIGSEGV, SIG_DFL); raise(SIGSEGV); }
    for (;;) pause();
}
static void called(const char *name, const Card *card) {
    const char *log = setting("FAKE_NVML_LOG", "");
    if (*log) {
        FILE *file = fopen(log, "a");
        fprintf(file, "%s %d\n", name, card ? card->index : -1);
        fclose(file);
    }
    int delay = number("FAKE_NVML_DELAY_US", 0);
    if (delay) usleep((unsigned)delay);
}
/* A question to a card begins so: it is counted, and a faulty card answers no more than its fault. */
#define ASKED(card) do { called(__func__, card); int code_ = fault(card); if (code_) return code_; } while (0)
#define UNLESS(condition) do { if (condition) return UNSUPPORTED; } while (0)

/* A slow wave between low and high, another one for each card and quantity; or nonsense, in turn. */
static double wave(const Card *card, double low, double high, double phase) {
    if (*setting("FAKE_NVML_STILL", "")) return low + card->index;
    if (*setting("FAKE_NVML_WILD", "")) {
        double nonsense[] = {low, high, 0, 4294967295.0, high, low};
        return nonsense[(card->looks + (int)(phase * 10)) % 6];
    }
    double t = (double)time(NULL) / 20.0 + card->index * 1.7 + phase;
    return low + (high - low) * (0.5 + 0.35 * sin(t) + 0.15 * sin(3.1 * t));
}
/* The most common question: one number. */
#define NUMBER(name, absent, value) \
    int name(Card *card, unsigned *to) { ASKED(card); UNLESS(absent); *to = (unsigned)(value); return OK; }

/* The library */

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    called(__func__, NULL);
    for (int i = 0; i < MOST; i++) {
        cards[i].index = i;
        for (int j = 0; j < PARTS; j++) parts[i][j] = (Card){i, 0, j + 1, 0};
    }
    return number("FAKE_NVML_INIT", OK);
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { called(__func__, NULL); return OK; }
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

/* Which cards there are */

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
int nvmlDeviceGetIndex(Card *card, unsigned *to) { *to = (unsigned)card->index; return OK; }
int nvmlDeviceGetMinorNumber(Card *card, unsigned *to) { *to = (unsigned)card->index; return OK; }
int nvmlDeviceGetUUID(Card *card, char *to, unsigned size) {
    if (card->part) { snprintf(to, size, "MIG-00000000-0000-4000-8000-%06d%06d", card->index, card->part); return OK; }
    uuid_of(card->index, to, size);
    return OK;
}
int nvmlDeviceGetName(Card *card, char *to, unsigned size) {
    const char *name = of_card(setting("FAKE_NVML_NAME", "NVIDIA GeForce RTX 4070"), card->index);
    snprintf(to, size, card->part ? "%s MIG 3g.%dgb" : "%s", name, 6);
    return OK;
}
int nvmlDeviceGetPciInfo_v3(Card *card, Pci *to) {
    *to = (Pci){.bus = (unsigned)card->index + 1, .id = 0x278610de};
    snprintf(to->legacy, sizeof to->legacy, "0000:%02X:00.0", to->bus);
    snprintf(to->address, sizeof to->address, "00000000:%02X:00.0", to->bus);
    return OK;
}
int nvmlDeviceGetCudaComputeCapability(Card *card, int *major, int *minor) {
    ASKED(card);
    return sscanf(of_card(setting("FAKE_NVML_CAPABILITY", "8.9"), card->index), "%d.%d", major, minor) == 2 ? OK : UNKNOWN;
}
NUMBER(nvmlDeviceGetDisplayActive, is(card, "datacentre"), 1)
NUMBER(nvmlDeviceGetDisplayMode, is(card, "datacentre"), 1)
#ifndef OLD_DRIVER
int nvmlDeviceGetVirtualizationMode(Card *card, unsigned *to) { ASKED(card); *to = is(card, "vgpu") ? 2 : 0; return OK; }
#endif

/* Load */

int nvmlDeviceGetUtilizationRates(Card *card, unsigned *to) { /* each look begins with this question */
    card->looks++;
    misbehave(card);
    ASKED(card);
    UNLESS(split(card));
    to[0] = *setting("FAKE_NVML_IDLE", "") ? 0 : (unsigned)wave(card, 40, 99, 0);
    to[1] = (unsigned)wave(card, 20, 60, 1);
    return OK;
}
int nvmlDeviceGetEncoderUtilization(Card *card, unsigned *to, unsigned *period) { ASKED(card); UNLESS(split(card)); *period = 167000; *to = (unsigned)wave(card, 5, 30, 3); return OK; }
int nvmlDeviceGetDecoderUtilization(Card *card, unsigned *to, unsigned *period) { ASKED(card); UNLESS(split(card)); *period = 167000; *to = (unsigned)wave(card, 10, 40, 4); return OK; }
static u64 total(const Card *card) { return (card->part ? 6144 : 12288) * MIB; }
static u64 used(const Card *card) { return card->part ? 1000 * MIB : (u64)wave(card, 3000, 9000, 2) * MIB; }
int nvmlDeviceGetMemoryInfo(Card *card, Memory *to) { /* counts what the driver keeps for itself as used */
    ASKED(card);
    *to = (Memory){total(card), total(card) - used(card) - 300 * MIB, used(card) + 300 * MIB};
    return OK;
}
#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(Card *card, Memory2 *to) {
    ASKED(card);
    if (to->version != (sizeof *to | 2u << 24)) return 25;
    *to = (Memory2){to->version, total(card), 300 * MIB, total(card) - used(card) - 300 * MIB, used(card)};
    return OK;
}
#endif
int nvmlDeviceGetBAR1MemoryInfo(Card *card, Memory *to) { ASKED(card); *to = (Memory){256 * MIB, 240 * MIB, 16 * MIB}; return OK; }

/* Heat, power, clocks */

#define POOR(card) (is(card, "laptop") || is(card, "vgpu")) /* what such a card does not tell */
int nvmlDeviceGetTemperature(Card *card, unsigned sensor, unsigned *to) {
    (void)sensor;
    ASKED(card);
    UNLESS(is(card, "vgpu"));
    *to = (unsigned)number("FAKE_NVML_TEMPERATURE", (int)wave(card, 45, 76, 0.5));
    return OK;
}
int nvmlDeviceGetTemperatureThreshold(Card *card, unsigned which, unsigned *to) {
    ASKED(card);
    UNLESS(is(card, "vgpu") || which > 3 || (which == 2 && !has_ecc(card)));
    *to = (unsigned[]){97, 94, 95, 88}[which];
    return OK;
}
int nvmlDeviceGetFieldValues(Card *card, int amount, Field *to) {
    ASKED(card);
    for (int i = 0; i < amount; i++) {
        to[i].code = to[i].field == 82 && has_ecc(card) ? OK : UNSUPPORTED; /* the temperature of its memory */
        to[i].type = 1;
        to[i].value.u = 62 + (unsigned)card->index;
    }
    return OK;
}
NUMBER(nvmlDeviceGetFanSpeed, POOR(card) || has_ecc(card), wave(card, 30, 65, 0.7))
NUMBER(nvmlDeviceGetPowerUsage, POOR(card), wave(card, 60, 195, 0.3) * 1000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, POOR(card), 200000)
NUMBER(nvmlDeviceGetPowerManagementLimit, POOR(card), 200000)
NUMBER(nvmlDeviceGetPerformanceState, is(card, "vgpu"), 2)
int nvmlDeviceGetTotalEnergyConsumption(Card *card, u64 *to) {
    ASKED(card);
    UNLESS(POOR(card));
    *to = *setting("FAKE_NVML_WILD", "") && card->looks % 2 ? 5 : 7200000 + (u64)card->looks * 1000; /* begins anew */
    return OK;
}
static unsigned clock_of(const Card *card, unsigned kind) { return kind == 2 ? 10501 : kind == 3 ? 1500 : (unsigned)wave(card, 1900, 2745, 0.2); }
int nvmlDeviceGetClockInfo(Card *card, unsigned kind, unsigned *to) { ASKED(card); UNLESS(is(card, "vgpu")); *to = clock_of(card, kind); return OK; }
int nvmlDeviceGetMaxClockInfo(Card *card, unsigned kind, unsigned *to) { ASKED(card); UNLESS(POOR(card)); *to = kind == 2 ? 10501 : 3105; return OK; }
static int reasons(Card *card, u64 *to) { UNLESS(is(card, "vgpu")); *to = (u64)number("FAKE_NVML_THROTTLE", 0); return OK; }
int nvmlDeviceGetCurrentClocksThrottleReasons(Card *card, u64 *to) { ASKED(card); return reasons(card, to); }
#ifndef OLD_DRIVER
int nvmlDeviceGetCurrentClocksEventReasons(Card *card, u64 *to) { ASKED(card); return reasons(card, to); }
#endif

/* Connections */

NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, is(card, "vgpu"), 3)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, is(card, "vgpu"), 4)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, is(card, "vgpu"), 8)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, is(card, "vgpu"), 16)
int nvmlDeviceGetPcieThroughput(Card *card, unsigned which, unsigned *to) {
    ASKED(card);
    UNLESS(POOR(card));
    *to = (unsigned)wave(card, which ? 2000 : 1000, which ? 900000 : 400000, which);
    return OK;
}
int nvmlDeviceGetNvLinkState(Card *card, unsigned link, unsigned *to) {
    ASKED(card);
    UNLESS(!has_ecc(card));
    if (link >= 4) return BAD_ARGUMENT;
    *to = link != 3;
    return OK;
}
int nvmlDeviceGetNvLinkVersion(Card *card, unsigned link, unsigned *to) { ASKED(card); UNLESS(!has_ecc(card)); (void)link; *to = 4; return OK; }

/* Memory errors and modes */

int nvmlDeviceGetEccMode(Card *card, unsigned *now, unsigned *pending) { ASKED(card); UNLESS(!has_ecc(card)); *now = *pending = 1; return OK; }
int nvmlDeviceGetTotalEccErrors(Card *card, unsigned type, unsigned counter, u64 *to) {
    ASKED(card);
    UNLESS(!has_ecc(card));
    *to = counter ? 9 : type ? (u64)card->index : 3;
    return OK;
}
#ifndef OLD_DRIVER
int nvmlDeviceGetRemappedRows(Card *card, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
    ASKED(card);
    UNLESS(!has_ecc(card));
    *corrected = *uncorrected = *failed = 0;
    *pending = card->index == 1;
    return OK;
}
#endif
NUMBER(nvmlDeviceGetRetiredPagesPendingStatus, !has_ecc(card), 0)
NUMBER(nvmlDeviceGetComputeMode, is(card, "vgpu"), number("FAKE_NVML_COMPUTE_MODE", 0))
NUMBER(nvmlDeviceGetPersistenceMode, is(card, "laptop") || is(card, "vgpu"), has_ecc(card))
#ifndef OLD_DRIVER
int nvmlDeviceGetMigMode(Card *card, unsigned *now, unsigned *pending) { ASKED(card); UNLESS(!has_ecc(card)); *now = *pending = (unsigned)split(card); return OK; }
int nvmlDeviceGetMaxMigDeviceCount(Card *card, unsigned *to) { ASKED(card); *to = has_ecc(card) ? 7 : 0; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(Card *card, unsigned index, Card **to) {
    ASKED(card);
    if (!split(card) || index >= PARTS) return NOT_FOUND;
    *to = &parts[card->index][index];
    return OK;
}
int nvmlDeviceIsMigDeviceHandle(Card *card, unsigned *to) { *to = card->part > 0; return OK; }
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Card *card, Card **to) { *to = &cards[card->index]; return OK; }
int nvmlDeviceGetGpuInstanceId(Card *card, unsigned *to) { *to = (unsigned)card->part; return card->part ? OK : BAD_ARGUMENT; }
int nvmlDeviceGetComputeInstanceId(Card *card, unsigned *to) { *to = 0; return card->part ? OK : BAD_ARGUMENT; }
#endif

/* Errors that the driver reports */

int nvmlEventSetCreate(void **to) { static int set; *to = &set; return OK; }
int nvmlEventSetFree(void *set) { (void)set; return OK; }
int nvmlDeviceRegisterEvents(Card *card, u64 types, void *set) { (void)types; (void)set; ASKED(card); return OK; }
int nvmlDeviceGetSupportedEventTypes(Card *card, u64 *to) { (void)card; *to = 8; return OK; }
int nvmlEventSetWait_v2(void *set, Event *to, unsigned timeout) {
    (void)set; (void)timeout;
    int index, xid, look;
    if (sscanf(setting("FAKE_NVML_XID", ""), "%d:%d@%d", &index, &xid, &look) != 3) return TIMEOUT;
    if (cards[index].reported || cards[index].looks < look) return TIMEOUT;
    cards[index].reported = 1;
    *to = (Event){&cards[index], 8, (u64)xid, ~0u, ~0u};
    return OK;
}

/* Processes */

typedef struct { int index, pid, mib, load; } Entry;
static unsigned entries(const Card *card, const char *name, Entry *to, unsigned room) {
    unsigned found = 0;
    char copy[4096];
    text(copy, sizeof copy, setting(name, ""));
    for (char *part = strtok(copy, ","); part && found < room; part = strtok(NULL, ",")) {
        Entry entry = {.load = 20};
        if (sscanf(part, "%d:%d:%d:%d", &entry.index, &entry.pid, &entry.mib, &entry.load) < 3) continue;
        if (entry.index == card->index) to[found++] = entry;
    }
    return found;
}
static int list(Card *card, const char *name, unsigned *size, Process *to) {
    Entry found[MOST];
    unsigned amount = entries(card, name, found, MOST), room = *size;
    for (unsigned i = 0; to && i < amount && i < room; i++)
        to[i] = (Process){(unsigned)found[i].pid, (u64)found[i].mib * MIB, ~0u, ~0u};
    *size = amount;
    return amount > room ? TOO_SMALL : OK;
}
int nvmlDeviceGetComputeRunningProcesses_v2(Card *card, unsigned *size, Process *to) { ASKED(card); return list(card, "FAKE_NVML_PROCESSES", size, to); }
int nvmlDeviceGetGraphicsRunningProcesses_v2(Card *card, unsigned *size, Process *to) { ASKED(card); return list(card, "FAKE_NVML_GRAPHICS", size, to); }
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
int nvmlDeviceGetProcessUtilization(Card *card, Sample *to, unsigned *size, u64 since) {
    ASKED(card);
    UNLESS(POOR(card) || split(card));
    Entry found[MOST];
    unsigned all = entries(card, "FAKE_NVML_PROCESSES", found, MOST), busy = 0;
    u64 now = (u64)time(NULL) * 1000000;
    if (now <= since) return NOT_FOUND;
    for (unsigned i = 0; i < all; i++) {
        if (found[i].load < 0) continue;
        if (to && busy < *size) to[busy] = (Sample){(unsigned)found[i].pid, now, (unsigned)found[i].load, 10, 0, 0};
        busy++;
    }
    if (!busy) return NOT_FOUND;
    int code = to && *size >= busy ? OK : TOO_SMALL;
    *size = busy;
    return code;
}
