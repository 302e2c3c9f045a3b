/* A stand-in for the Vulkan loader that does what drivers do wrong: VULKAN_STUB says what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*function)(void);

static int version(unsigned *number)
{
    const char *how = getenv("VULKAN_STUB");
    *number = how && !strcmp(how, "old") ? 1u << 22 : (1u << 22 | 3u << 12);
    return 0;
}

static int create(const void *what, const void *with, void **instance)
{
    const char *how = getenv("VULKAN_STUB");
    (void)what, (void)with;
    if (how && !strcmp(how, "crash"))
        abort();
    if (how && !strcmp(how, "hang"))
        for (;;)
            sleep(60);
    if (how && !strcmp(how, "none"))
        return -9;
    if (how && !strcmp(how, "broken"))
        return -3;
    if (how && !strcmp(how, "noise"))
        puts("a driver prints {\"value\": 7}");
    *instance = (void *)1;
    return 0;
}

static int devices(void *instance, unsigned *count, void **list)
{
    (void)instance, (void)list;
    *count = 0;
    return 0;
}

function vkGetInstanceProcAddr(void *instance, const char *name)
{
    (void)instance;
    if (!strcmp(name, "vkEnumerateInstanceVersion"))
        return (function)version;
    if (!strcmp(name, "vkCreateInstance"))
        return (function)create;
    if (!strcmp(name, "vkEnumeratePhysicalDevices"))
        return (function)devices;
    return 0;
}
