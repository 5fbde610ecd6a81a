package org.tinyaudiossl.encoder

import java.io.File

/** x86 has "model name"; ARM tells the design of each core by numbers, and a phone has several. */
internal fun cpuModel(cpuinfo: String = readOrEmpty("/proc/cpuinfo")): String {
    val cores = LinkedHashSet<String>()
    var implementer = ""
    for (line in cpuinfo.lineSequence()) {
        val value = line.substringAfter(": ", "")
        when (line.substringBefore(":").trim()) {
            "model name" -> return value
            "CPU implementer" -> implementer = value
            "CPU part" -> cores += "ARM $implementer/$value"
        }
    }
    return cores.joinToString().ifEmpty { "unknown" }
}

/** The most memory that this process held at once; 0 if the kernel does not tell. */
internal fun peakRssKb(status: String = readOrEmpty("/proc/self/status")): Long =
    status.lineSequence().firstOrNull { it.startsWith("VmHWM:") }
        ?.filter(Char::isDigit)?.toLongOrNull() ?: 0

private fun readOrEmpty(path: String): String =
    runCatching { File(path).readText() }.getOrDefault("")
