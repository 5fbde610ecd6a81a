package org.tinyaudiossl.encoder

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class StatisticsTest {
    @Test
    fun `percentiles are those of numpy`() {
        val sorted = doubleArrayOf(1.0, 2.0, 4.0, 8.0, 16.0)
        for ((percent, expected) in mapOf(0.0 to 1.0, 50.0 to 4.0, 90.0 to 12.8, 99.0 to 15.68, 100.0 to 16.0)) {
            assertEquals(expected, percentile(sorted, percent), 1e-9)
        }
        assertEquals(3.0, percentile(doubleArrayOf(3.0), 99.0))
        assertFailsWith<IllegalArgumentException> { percentile(doubleArrayOf(), 50.0) }
    }

    @Test
    fun `the checksum is FNV-1a of the bytes`() {
        assertEquals("cbf29ce484222325", checksum(floatArrayOf()))
        assertEquals("4d25767f9dce13f5", checksum(floatArrayOf(0f)))
        assertEquals(checksum(floatArrayOf(1f, 2f)), checksum(floatArrayOf(1f, 2f)))
    }

    @Test
    fun `processors are named by their cores`() {
        val phone = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n" +
            "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n" +
            "processor\t: 2\nCPU implementer\t: 0x41\nCPU part\t: 0xd41\n"
        assertEquals("ARM 0x41/0xd05, ARM 0x41/0xd41", cpuModel(phone))
        assertEquals("Xeon", cpuModel("processor\t: 0\nmodel name\t: Xeon\n"))
        assertEquals("unknown", cpuModel(""))
        assertEquals(1234, peakRssKb("Name:\tx\nVmHWM:\t    1234 kB\n"))
    }
}
