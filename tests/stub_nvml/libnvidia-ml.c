/*
 * The functions of NVML that are asked for, answered from the text file that STUB_NVML_ANSWERS names.
 *
 * Layouts and codes are those of NVML's public interface (https://docs.nvidia.com/deploy/nvml-api/), written down here
 * once more, so that the binding's own layouts are put to a test. A line of the file is
 * "question<TAB>field<TAB>value": a question is a function with its device and numbers, the field is "=" for its return
 * code and a value's name else. What the file does not have is NVML_ERROR_NOT_SUPPORTED.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };
enum { TEXT = 256, LINES = 8192, DEVICES = 64, INSTANCES = 8, PROCESSES = 64 };

typedef struct { char question[TEXT], field[TEXT], value[TEXT]; } Line;
typedef struct { char name[16]; } Device;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct {
    char busIdLegacy[16];
    unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} PciInfo;
typedef struct { unsigned long long bar1Total, bar1Free, bar1Used; } Bar1;
typedef struct { unsigned pid; unsigned long long usedGpuMemory; unsigned gpuInstanceId, computeInstanceId; } Process;
typedef struct {
    unsigned multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount;
    unsigned sharedOfaCount, gpuInstanceSliceCount, computeInstanceSliceCount;
    unsigned long long memorySizeMB;
} Attributes;
typedef struct { unsigned version, value; } AddressingMode;
typedef struct { unsigned year; uint16_t month, day, hour, minute, second; uint8_t status; } LicenceExpiry;
typedef struct {
    unsigned featureCode, featureState;
    char licenseInfo[128], productName[128];
    unsigned featureEnabled;
    LicenceExpiry licenseExpiry;
} Feature;
typedef struct { int isGridLicenseSupported; unsigned licensableFeaturesCount; Feature features[3]; } Features;
typedef struct { unsigned long long protectedMemSizeKib, unprotectedMemSizeKib; } ConfComputeMemSize;

static Line lines[LINES];
static int count = -1;
static int started;
static Device devices[DEVICES], instances[DEVICES][INSTANCES];

static void load(void) {
    const char *path = getenv("STUB_NVML_ANSWERS");
    FILE *file = path ? fopen(path, "r") : NULL;
    static char text[4 * TEXT];
    count = 0;
    while (file && count < LINES && fgets(text, sizeof text, file)) {
        Line *line = &lines[count];
        if (sscanf(text, "%255[^\t]\t%255[^\t]\t%255[^\n]", line->question, line->field, line->value) == 3) count++;
    }
    if (file) fclose(file);
    for (int i = 0; i < DEVICES; i++) {
        snprintf(devices[i].name, sizeof devices[i].name, "%d", i);
        for (int j = 0; j < INSTANCES; j++)
            snprintf(instances[i][j].name, sizeof instances[i][j].name, "%d/%d", i, j);
    }
}

static const char *find(const char *question, const char *field) {
    if (count < 0) load();
    for (int i = 0; i < count; i++)
        if (!strcmp(lines[i].question, question) && !strcmp(lines[i].field, field)) return lines[i].value;
    return NULL;
}

static unsigned long long number(const char *question, const char *field) {
    const char *text = find(question, field);
    return text ? strtoull(text, NULL, 10) : 0;
}

static int code(const char *question) {
    const char *text = find(question, "=");
    if (!started) return UNINITIALIZED;
    return text ? atoi(text) : NOT_SUPPORTED;
}

static const char *name(char *question, const char *function, const Device *device) {
    snprintf(question, TEXT, device ? "%s %s" : "%s", function, device ? device->name : "");
    return question;
}

static void text_of(const char *question, const char *field, char *out, unsigned size) {
    const char *text = find(question, field);
    snprintf(out, size, "%s", text ? text : "");
}

static int text(const char *function, const Device *device, char *out, unsigned size) {
    char question[TEXT];
    int result = code(name(question, function, device));
    if (result == SUCCESS) text_of(question, "value", out, size);
    return result;
}

static int whole(const char *function, const Device *device, unsigned *out) {
    char question[TEXT];
    int result = code(name(question, function, device));
    if (result == SUCCESS) *out = (unsigned)number(question, "value");
    return result;
}

static int large(const char *function, const Device *device, unsigned long long *out) {
    char question[TEXT];
    int result = code(name(question, function, device));
    if (result == SUCCESS) *out = number(question, "value");
    return result;
}

static int pair(const char *function, const Device *device, unsigned *first, unsigned *second) {
    char question[TEXT];
    int result = code(name(question, function, device));
    if (result == SUCCESS) {
        *first = (unsigned)number(question, "0");
        *second = (unsigned)number(question, "1");
    }
    return result;
}

static int processes(const char *function, const Device *device, unsigned *length, Process *out) {
    char question[TEXT], field[TEXT];
    int result = code(name(question, function, device));
    unsigned have = (unsigned)number(question, "length"), room = *length;
    if (result != SUCCESS) return result;
    *length = have;
    if (room < have) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < have; i++) {
        snprintf(field, TEXT, "%u.pid", i);
        out[i].pid = (unsigned)number(question, field);
        snprintf(field, TEXT, "%u.usedGpuMemory", i);
        out[i].usedGpuMemory = find(question, field) ? number(question, field) : ~0ULL;
        snprintf(field, TEXT, "%u.gpuInstanceId", i);
        out[i].gpuInstanceId = find(question, field) ? (unsigned)number(question, field) : ~0U;
        snprintf(field, TEXT, "%u.computeInstanceId", i);
        out[i].computeInstanceId = find(question, field) ? (unsigned)number(question, field) : ~0U;
    }
    return SUCCESS;
}

int nvmlInitWithFlags(unsigned flags) {
    const char *text = find("nvmlInit", "=");
    int result = text ? atoi(text) : 9;
    (void)flags;
    started = result == SUCCESS;
    return result;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return started ? (started = 0, SUCCESS) : UNINITIALIZED; }
const char *nvmlErrorString(int result) { return result == SUCCESS ? "Success" : "Stub Error"; }

int nvmlSystemGetDriverVersion(char *out, unsigned size) { return text("nvmlSystemGetDriverVersion", NULL, out, size); }
int nvmlSystemGetCudaDriverVersion_v2(int *out) {
    return whole("nvmlSystemGetCudaDriverVersion_v2", NULL, (unsigned *)out);
}
int nvmlDeviceGetCount_v2(unsigned *out) { return whole("nvmlDeviceGetCount_v2", NULL, out); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **out) {
    char question[TEXT];
    if (index >= DEVICES) return INVALID_ARGUMENT;
    *out = &devices[index];
    return code(name(question, "nvmlDeviceGetHandleByIndex_v2", *out));
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned index, Device **out) {
    char question[TEXT];
    if (index >= INSTANCES) return INVALID_ARGUMENT;
    *out = &instances[atoi(device->name)][index];
    return find(name(question, "nvmlDeviceGetMigDeviceHandleByIndex", *out), "=") ? code(question) : NOT_FOUND;
}

int nvmlDeviceGetName(Device *d, char *out, unsigned size) { return text("nvmlDeviceGetName", d, out, size); }
int nvmlDeviceGetUUID(Device *d, char *out, unsigned size) { return text("nvmlDeviceGetUUID", d, out, size); }

int nvmlDeviceGetPciInfo_v3(Device *device, PciInfo *out) {
    char question[TEXT];
    int result = code(name(question, "nvmlDeviceGetPciInfo_v3", device));
    if (result != SUCCESS) return result;
    text_of(question, "busIdLegacy", out->busIdLegacy, sizeof out->busIdLegacy);
    text_of(question, "busId", out->busId, sizeof out->busId);
    out->domain = (unsigned)number(question, "domain");
    out->bus = (unsigned)number(question, "bus");
    out->device = (unsigned)number(question, "device");
    out->pciDeviceId = (unsigned)number(question, "pciDeviceId");
    out->pciSubSystemId = (unsigned)number(question, "pciSubSystemId");
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(Device *device, Memory *out) {
    char question[TEXT];
    int result = code(name(question, "nvmlDeviceGetMemoryInfo", device));
    if (result == SUCCESS)
        *out = (Memory){number(question, "total"), number(question, "free"), number(question, "used")};
    return result;
}
int nvmlDeviceGetMemoryInfo_v2(Device *device, MemoryV2 *out) {
    char question[TEXT];
    int result = code(name(question, "nvmlDeviceGetMemoryInfo_v2", device));
    if (out->version != (sizeof *out | 2u << 24)) return INVALID_ARGUMENT;
    if (result != SUCCESS) return result;
    out->total = number(question, "total");
    out->reserved = number(question, "reserved");
    out->free = number(question, "free");
    out->used = number(question, "used");
    return SUCCESS;
}
int nvmlDeviceGetBAR1MemoryInfo(Device *device, Bar1 *out) {
    char question[TEXT];
    int result = code(name(question, "nvmlDeviceGetBAR1MemoryInfo", device));
    if (result == SUCCESS)
        *out = (Bar1){number(question, "bar1Total"), number(question, "bar1Free"), number(question, "bar1Used")};
    return result;
}
int nvmlDeviceGetAttributes_v2(Device *device, Attributes *out) {
    char question[TEXT];
    int result = code(name(question, "nvmlDeviceGetAttributes_v2", device));
    if (result != SUCCESS) return result;
    *out = (Attributes){.multiprocessorCount = (unsigned)number(question, "multiprocessorCount"),
                        .gpuInstanceSliceCount = (unsigned)number(question, "gpuInstanceSliceCount"),
                        .computeInstanceSliceCount = (unsigned)number(question, "computeInstanceSliceCount"),
                        .memorySizeMB = number(question, "memorySizeMB")};
    return SUCCESS;
}
int nvmlDeviceGetAddressingMode(Device *device, AddressingMode *out) {
    return whole("nvmlDeviceGetAddressingMode", device, &out->value);
}
int nvmlDeviceGetGridLicensableFeatures_v4(Device *device, Features *out) {
    char question[TEXT], field[TEXT];
    int result = code(name(question, "nvmlDeviceGetGridLicensableFeatures_v4", device));
    if (result != SUCCESS) return result;
    out->isGridLicenseSupported = (int)number(question, "isGridLicenseSupported");
    out->licensableFeaturesCount = (unsigned)number(question, "licensableFeaturesCount");
    for (unsigned i = 0; i < out->licensableFeaturesCount && i < 3; i++) {
        snprintf(field, TEXT, "gridLicensableFeatures.%u.featureState", i);
        out->features[i].featureState = (unsigned)number(question, field);
    }
    return SUCCESS;
}
int nvmlDeviceGetConfComputeMemSizeInfo(Device *device, ConfComputeMemSize *out) {
    char question[TEXT];
    int result = code(name(question, "nvmlDeviceGetConfComputeMemSizeInfo", device));
    if (result == SUCCESS)
        *out = (ConfComputeMemSize){number(question, "protectedMemSizeKib"), number(question, "unprotectedMemSizeKib")};
    return result;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetComputeRunningProcesses_v3(Device *d, unsigned *n, Process *out) {
    return processes("nvmlDeviceGetComputeRunningProcesses_v3", d, n, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Device *d, unsigned *n, Process *out) {
    return processes("nvmlDeviceGetGraphicsRunningProcesses_v3", d, n, out);
}
#endif
int nvmlDeviceGetComputeRunningProcesses_v2(Device *d, unsigned *n, Process *out) {
    return processes("nvmlDeviceGetComputeRunningProcesses_v2", d, n, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v2(Device *d, unsigned *n, Process *out) {
    return processes("nvmlDeviceGetGraphicsRunningProcesses_v2", d, n, out);
}

int nvmlDeviceGetMaxClockInfo(Device *device, unsigned clock, unsigned *out) {
    char function[TEXT], question[TEXT];
    int result;
    snprintf(function, TEXT, "nvmlDeviceGetMaxClockInfo %s %u", device->name, clock);
    result = code(name(question, function, NULL));
    if (result == SUCCESS) *out = (unsigned)number(question, "value");
    return result;
}
int nvmlDeviceGetTemperature(Device *device, unsigned sensor, unsigned *out) {
    char function[TEXT], question[TEXT];
    int result;
    snprintf(function, TEXT, "nvmlDeviceGetTemperature %s %u", device->name, sensor);
    result = code(name(question, function, NULL));
    if (result == SUCCESS) *out = (unsigned)number(question, "value");
    return result;
}

#define WHOLE(function) \
    int function(Device *device, unsigned *out) { return whole(#function, device, out); }
#define LARGE(function) \
    int function(Device *device, unsigned long long *out) { return large(#function, device, out); }
#define PAIR(function) \
    int function(Device *device, unsigned *first, unsigned *second) { return pair(#function, device, first, second); }

WHOLE(nvmlDeviceGetArchitecture)
WHOLE(nvmlDeviceGetBrand)
WHOLE(nvmlDeviceGetComputeInstanceId)
WHOLE(nvmlDeviceGetComputeMode)
WHOLE(nvmlDeviceGetCurrPcieLinkGeneration)
WHOLE(nvmlDeviceGetCurrPcieLinkWidth)
WHOLE(nvmlDeviceGetDisplayActive)
WHOLE(nvmlDeviceGetEnforcedPowerLimit)
WHOLE(nvmlDeviceGetGpuInstanceId)
WHOLE(nvmlDeviceGetGpuMaxPcieLinkGeneration)
WHOLE(nvmlDeviceGetMaxMigDeviceCount)
WHOLE(nvmlDeviceGetMaxPcieLinkGeneration)
WHOLE(nvmlDeviceGetMaxPcieLinkWidth)
WHOLE(nvmlDeviceGetMemoryBusWidth)
WHOLE(nvmlDeviceGetMinorNumber)
WHOLE(nvmlDeviceGetNumaNodeId)
WHOLE(nvmlDeviceGetPerformanceState)
WHOLE(nvmlDeviceGetPersistenceMode)
WHOLE(nvmlDeviceGetPowerManagementDefaultLimit)
WHOLE(nvmlDeviceGetPowerUsage)
WHOLE(nvmlDeviceGetVirtualizationMode)
LARGE(nvmlDeviceGetCurrentClocksEventReasons)
LARGE(nvmlDeviceGetCurrentClocksThrottleReasons)
PAIR(nvmlDeviceGetCudaComputeCapability)
PAIR(nvmlDeviceGetEccMode)
PAIR(nvmlDeviceGetMigMode)
PAIR(nvmlDeviceGetPowerManagementLimitConstraints)
