/* AMD's library for tests: what the package amdsmi calls, with cards and faults chosen by environment variables.
 *
 *   FAKE_AMDSMI_CARDS=2            how many cards               FAKE_AMDSMI_DRIVER=6.12.12
 *   FAKE_AMDSMI_INIT=34            what amdsmi_init answers     FAKE_AMDSMI_LIBRARY=26   the library's major version
 *   FAKE_AMDSMI_KIND="instinct|old"   by card: desktop, instinct (data centre), old (half of it unsupported)
 *   FAKE_AMDSMI_FAULTS=0:lost@3-6,1:permission,2:unsupported,3:failed   per card, from one look to another (from 1)
 *   FAKE_AMDSMI_HANG=3, FAKE_AMDSMI_CRASH=3   at that look at card 0;   FAKE_AMDSMI_ONCE=FILE  only while FILE is not there
 *   FAKE_AMDSMI_NAME="AMD Radeon RX 7900 XTX|AMD Instinct MI300X"   by card; the last goes for the rest
 *   FAKE_AMDSMI_PROCESSES=0:4711:2048:35   card:pid:MiB:load, separated by commas
 *   FAKE_AMDSMI_THROTTLE=0x1               the bits of its status
 *   FAKE_AMDSMI_NOISE=1                    complains on the standard output, as the real one does
 *
 * The functions that nobody here asks are generated beside it (amdsmi.py) and answer "not supported".
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, INVALID = 1, UNSUPPORTED = 2, FAILED = 7, PERMISSION = 10, NOT_FOUND = 31 };
#define MOST 64
#define TEXT 256
#define MIB (1024ULL * 1024ULL)
typedef struct { int index, looks; } Card;
static Card cards[MOST];

/* Settings */

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}
static long number(const char *name, long otherwise) { return strtol(setting(name, ""), NULL, 0) ?: otherwise; }
static unsigned count(void) { return (unsigned)atoi(setting("FAKE_AMDSMI_CARDS", "1")); }
static const char *of_card(const char *list, int index) { /* the card's part of a list */
    static char part[TEXT];
    for (const char *end; index > 0 && (end = strchr(list, '|')); index--) list = end + 1;
    snprintf(part, sizeof part, "%s", list);
    part[strcspn(part, "|")] = 0;
    return part;
}
static int is(const Card *card, const char *kind) { return !strcmp(of_card(setting("FAKE_AMDSMI_KIND", "desktop"), card->index), kind); }

/* Misbehaviour */

static int fault(const Card *card) {
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", setting("FAKE_AMDSMI_FAULTS", ""));
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        int index = -1, from = 0, until = 1 << 30;
        char kind[32] = "";
        if (sscanf(part, "%d:%31[a-z]@%d-%d", &index, kind, &from, &until) < 2 || index != card->index) continue;
        if (card->looks < from || card->looks > until) continue;
        if (!strcmp(kind, "lost")) return NOT_FOUND;
        if (!strcmp(kind, "permission")) return PERMISSION;
        if (!strcmp(kind, "unsupported")) return UNSUPPORTED;
        if (!strcmp(kind, "failed")) return FAILED;
    }
    return OK;
}
static void misbehave(const Card *card) {
    const char *once = setting("FAKE_AMDSMI_ONCE", "");
    if (card->index || (*once && access(once, F_OK) == 0)) return;
    int hang = number("FAKE_AMDSMI_HANG", 0) == card->looks, crash = number("FAKE_AMDSMI_CRASH", 0) == card->looks;
    if (!hang && !crash) return;
    if (*once) fclose(fopen(once, "w"));
    if (crash) { signal(SIGSEGV, SIG_DFL); raise(SIGSEGV); }
    for (;;) pause();
}
/* A question to a card begins so: a faulty card answers no more than its fault. */
#define ASKED(card) do { int code_ = fault(card); if (code_) return code_; } while (0)
#define UNLESS(condition) do { if (condition) return UNSUPPORTED; } while (0)

/* The library */

int amdsmi_init(uint64_t flags) {
    (void)flags;
    for (int i = 0; i < MOST; i++) cards[i].index = i;
    if (*setting("FAKE_AMDSMI_NOISE", "")) { printf("Failed to open file: /sys/class/drm/card0/device/max_link_width \n"); fflush(stdout); }
    return (int)number("FAKE_AMDSMI_INIT", OK);
}
int amdsmi_shut_down(void) { return OK; }
typedef struct { uint32_t major, minor, release; const char *build; } Version;
int amdsmi_get_lib_version(Version *to) { *to = (Version){(uint32_t)number("FAKE_AMDSMI_LIBRARY", 26), 0, 2, "fake"}; return OK; }
void amdsmi_free_name_value_pairs(void *pairs) { free(pairs); }

/* Which cards there are: each in a socket of its own */

int amdsmi_get_socket_handles(uint32_t *amount, void **to) {
    for (unsigned i = 0; to && i < count() && i < *amount; i++) to[i] = &cards[i];
    *amount = count();
    return OK;
}
int amdsmi_get_processor_handles(void *socket, uint32_t *amount, void **to) {
    if (to && *amount) to[0] = socket;
    *amount = 1;
    return OK;
}
typedef union { struct { uint64_t function : 3, device : 5, bus : 8, domain : 48; }; uint64_t all; } Address;
static Address address(const Card *card) { Address result = {.all = 0}; result.bus = (uint64_t)card->index + 3; return result; }
int amdsmi_get_gpu_device_bdf(Card *card, Address *to) { *to = address(card); return OK; }
int amdsmi_get_processor_handle_from_bdf(Address wanted, void **to) {
    for (unsigned i = 0; i < count(); i++) {
        if (address(&cards[i]).all != wanted.all) continue;
        if (fault(&cards[i]) == NOT_FOUND) { cards[i].looks++; return NOT_FOUND; }
        *to = &cards[i];
        return OK;
    }
    return NOT_FOUND;
}
int amdsmi_get_gpu_device_uuid(Card *card, uint32_t *size, char *to) { snprintf(to, *size, "%02xff744c-0000-1000-80ca-0123456789ab", card->index); return OK; }
typedef struct {
    char name[TEXT]; uint32_t vendor; char vendor_name[TEXT]; uint32_t subvendor; uint64_t device; uint32_t revision; char serial[TEXT];
    uint32_t oam, units; uint64_t target; uint32_t subsystem, reserved[21];
} Chip;
int amdsmi_get_gpu_asic_info(Card *card, Chip *to) {
    memset(to, 0, sizeof *to);
    snprintf(to->name, TEXT, "%s", of_card(setting("FAKE_AMDSMI_NAME", "AMD Radeon RX 7900 XTX"), card->index));
    snprintf(to->vendor_name, TEXT, "Advanced Micro Devices Inc. [AMD/ATI]");
    snprintf(to->serial, TEXT, "0x%x", card->index + 1);
    to->vendor = 0x1002; to->device = 0x744c; to->target = 0x1100; to->units = 96;
    return OK;
}
typedef struct { char version[TEXT], date[TEXT], name[TEXT]; } DriverInfo;
int amdsmi_get_gpu_driver_info(Card *card, DriverInfo *to) {
    (void)card;
    memset(to, 0, sizeof *to);
    snprintf(to->version, TEXT, "%s", setting("FAKE_AMDSMI_DRIVER", "6.12.12"));
    snprintf(to->name, TEXT, "amdgpu");
    return OK;
}
int amdsmi_get_gpu_virtualization_mode(Card *card, uint32_t *to) { (void)card; *to = 1; return OK; }

/* Load */

typedef struct { uint32_t gfx, umc, mm, reserved[13]; } Load;
int amdsmi_get_gpu_activity(Card *card, Load *to) { /* each look begins with this question */
    card->looks++;
    misbehave(card);
    ASKED(card);
    *to = (Load){.gfx = 40 + (uint32_t)card->index, .umc = 20 + (uint32_t)card->index, .mm = is(card, "old") ? 0xFFFF : 5};
    return OK;
}
typedef struct { uint32_t total, used, reserved[2]; } Memory; /* MiB */
int amdsmi_get_gpu_vram_usage(Card *card, Memory *to) { ASKED(card); *to = (Memory){.total = 24560, .used = 3000 + (uint32_t)card->index}; return OK; }

/* Heat, power, clocks */

int amdsmi_get_temp_metric(Card *card, uint32_t sensor, uint32_t metric, int64_t *to) {
    ASKED(card);
    UNLESS(sensor > 2 || (sensor == 0 && is(card, "instinct")) || (sensor && is(card, "old")));
    int64_t now[] = {45, 60, 58}, critical[] = {100, 110, 100}, emergency[] = {105, 115, 105};
    UNLESS(metric != 0 && metric != 5 && metric != 7);
    *to = metric == 0 ? now[sensor] + card->index : metric == 5 ? critical[sensor] : emergency[sensor];
    return OK;
}
typedef struct { uint64_t socket; uint32_t now, average; uint64_t gfx_mv, soc_mv, memory_mv; uint32_t limit; uint64_t reserved[18]; } Power;
int amdsmi_get_power_info(Card *card, Power *to) {
    ASKED(card);
    uint32_t watts = 120 + (uint32_t)card->index;
    memset(to, 0, sizeof *to);
    *to = (Power){.socket = watts, .now = is(card, "instinct") ? watts : 0xFFFF, .average = is(card, "instinct") ? 0xFFFF : watts};
    return OK;
}
typedef struct { uint64_t cap, normal, dpm, least, most, reserved[3]; } Cap; /* microwatts */
int amdsmi_get_power_cap_info(Card *card, uint32_t sensor, Cap *to) { (void)sensor; ASKED(card); UNLESS(is(card, "old")); *to = (Cap){.cap = 327000000, .normal = 339000000, .least = 300000000, .most = 370000000}; return OK; }
int amdsmi_get_energy_count(Card *card, uint64_t *to, float *resolution, uint64_t *moment) {
    ASKED(card);
    UNLESS(is(card, "old"));
    *to = 1000000 + (uint64_t)card->index; *resolution = 15.3f; *moment = 1;
    return OK;
}
typedef struct { uint32_t now, least, most; uint8_t locked, asleep; uint32_t reserved[4]; } Clock;
int amdsmi_get_clock_info(Card *card, uint32_t kind, Clock *to) {
    ASKED(card);
    *to = kind == 4 ? (Clock){.now = 1249, .least = 96, .most = 1249} : (Clock){.now = 1900 + (uint32_t)card->index, .least = 500, .most = 2482};
    return OK;
}
int amdsmi_get_gpu_fan_speed(Card *card, uint32_t fan, int64_t *to) { (void)fan; ASKED(card); UNLESS(is(card, "instinct")); *to = 51 + card->index; return OK; }
int amdsmi_get_gpu_fan_speed_max(Card *card, uint32_t fan, uint64_t *to) { (void)fan; ASKED(card); UNLESS(is(card, "instinct")); *to = 255; return OK; }
int amdsmi_get_gpu_perf_level(Card *card, uint32_t *to) { ASKED(card); *to = is(card, "old") ? 3 : 0; return OK; }
int amdsmi_get_gpu_compute_partition(Card *card, char *to, uint32_t size) { ASKED(card); UNLESS(!is(card, "instinct")); snprintf(to, size, "SPX"); return OK; }

/* The driver's table: only what is asked of it; the rest is filled with ones, which means "not told" */

#include "amdsmi_metrics.h" /* METRICS_SIZE and the offsets of fields, generated from the package's own structure */
int amdsmi_get_gpu_metrics_info(Card *card, unsigned char *to) {
    ASKED(card);
    UNLESS(is(card, "old"));
    memset(to, 0xFF, METRICS_SIZE);
    if (is(card, "instinct")) { /* counts instead how long each reason held: here only the power limit, and more at each look */
        uint64_t held = (uint64_t)card->looks * 10, never = 0;
        memcpy(to + AT_ppt_residency_acc, &held, sizeof held);
        memcpy(to + AT_prochot_residency_acc, &never, sizeof never);
        memcpy(to + AT_socket_thm_residency_acc, &never, sizeof never);
    } else {
        uint64_t status = (uint64_t)strtoull(setting("FAKE_AMDSMI_THROTTLE", "0"), NULL, 0);
        memcpy(to + AT_indep_throttle_status, &status, sizeof status);
    }
    return OK;
}

/* Connections */

typedef struct {
    struct { uint16_t width; uint32_t speed, generation, slot, generation_most; uint64_t reserved[9]; } most;
    struct { uint16_t width; uint32_t speed, bandwidth; uint64_t replays, recoveries, overflows, sent, received; uint32_t others; uint64_t reserved[12]; } now;
    uint64_t reserved[32];
} Pcie;
int amdsmi_get_pcie_info(Card *card, Pcie *to) {
    ASKED(card);
    memset(to, 0, sizeof *to);
    to->most.width = 16; to->most.speed = 16000; to->most.generation = 4;
    to->now.width = 8; to->now.speed = is(card, "instinct") ? 32000 : 8000;
    return OK;
}
int amdsmi_get_gpu_pci_throughput(Card *card, uint64_t *sent, uint64_t *received, uint64_t *packet) { ASKED(card); UNLESS(!is(card, "old")); *sent = 2000000; *received = 1000000; *packet = 256; return OK; }

/* Memory errors */

int amdsmi_get_gpu_ecc_enabled(Card *card, uint64_t *to) { ASKED(card); UNLESS(!is(card, "instinct")); *to = 1 | 4; return OK; }
typedef struct { uint64_t corrected, uncorrected, deferred, reserved[5]; } Errors;
int amdsmi_get_gpu_total_ecc_count(Card *card, Errors *to) { ASKED(card); UNLESS(!is(card, "instinct")); *to = (Errors){.corrected = 3, .uncorrected = (uint64_t)card->index}; return OK; }

/* Processes */

typedef struct {
    char name[TEXT]; uint32_t pid; uint64_t memory;
    struct { uint64_t gfx, enc; uint32_t reserved[12]; } engine; /* nanoseconds */
    struct { uint64_t gtt, cpu, vram; uint32_t reserved[10]; } parts;
    char container[TEXT]; uint32_t occupancy, reserved[11];
} Process;
int amdsmi_get_gpu_process_list(Card *card, uint32_t *size, Process *to) {
    ASKED(card);
    char copy[4096];
    uint32_t found = 0;
    snprintf(copy, sizeof copy, "%s", setting("FAKE_AMDSMI_PROCESSES", ""));
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        int index, pid, mib, load = 20;
        if (sscanf(part, "%d:%d:%d:%d", &index, &pid, &mib, &load) < 3 || index != card->index || found >= *size) continue;
        Process *entry = &to[found++];
        memset(entry, 0, sizeof *entry);
        snprintf(entry->name, TEXT, "fake");
        entry->pid = (uint32_t)pid;
        entry->parts.vram = (uint64_t)mib * MIB;
        entry->memory = entry->parts.vram + 16 * MIB;
        entry->engine.gfx = (uint64_t)load * 10000000ULL * (uint64_t)card->looks; /* so much of each second, a look a second */
    }
    *size = found;
    return OK;
}
