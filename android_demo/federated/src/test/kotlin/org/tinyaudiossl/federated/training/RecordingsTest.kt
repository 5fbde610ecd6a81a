package org.tinyaudiossl.federated.training

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class RecordingsTest {
    private val folder = Files.createTempDirectory("clips").toFile()
    private val skipped = ArrayList<String>()

    private fun wav(name: String, samples: ShortArray, rateHz: Int = 16_000, extra: Int = 0) {
        val buffer = ByteBuffer.allocate(44 + extra + 2 * samples.size).order(ByteOrder.LITTLE_ENDIAN)
        buffer.put("RIFF".toByteArray()).putInt(36 + extra + 2 * samples.size).put("WAVEfmt ".toByteArray())
        buffer.putInt(16).putShort(1).putShort(1).putInt(rateHz).putInt(2 * rateHz).putShort(2).putShort(16)
        if (extra > 0) buffer.put("LIST".toByteArray()).putInt(extra - 8).put(ByteArray(extra - 8))
        buffer.put("data".toByteArray()).putInt(2 * samples.size)
        samples.forEach { buffer.putShort(it) }
        File(folder, name).apply { parentFile.mkdirs() }.writeBytes(buffer.array())
    }

    private fun ramp(first: Int) = ShortArray(100) { (first + it).toShort() }

    private fun first(recordings: Recordings, index: Int): Float =
        FloatArray(1).also { recordings.read(index, 0, 1, it, 0) }[0]

    @Test
    fun aFoldersOwnFilesComeFirstAndBrokenOnesAreLeftOut() {
        wav("a/0.wav", ramp(3))
        wav("b.wav", ramp(1))
        wav("c.WAV", ramp(2), extra = 20)
        wav("short.wav", ShortArray(10))
        wav("rate.wav", ramp(9), rateHz = 8_000)
        wav(".hidden.wav", ramp(9))
        File(folder, "broken.wav").writeText("RIFF")
        File(folder, "notes.txt").writeText("no sound")
        val recordings = Recordings(folder, 50) { skipped += it }
        assertEquals(3, recordings.count)
        assertEquals(listOf(1, 2, 3).map { it / 32768f }, (0..2).map { first(recordings, it) })
        assertEquals(3, skipped.size)
        for (name in listOf("short", "rate", "broken")) assertTrue(skipped.any { name in it }, name)
    }

    @Test
    fun everyRecordingIsTakenOnceInAnEpoch() {
        (0 until 5).forEach { wav("$it.wav", ShortArray(100) { _ -> it.toShort() }) }
        val crops = Crops(Recordings(folder, 50) { skipped += it }, 50, batchSize = 5, seed = 3, client = 1)
        val orders = (0..3).map { step ->
            val clips = crops.read(step)
            (0 until 5).map { (clips[it * 50] * 32768).toInt() }
        }
        orders.forEach { assertEquals(listOf(0, 1, 2, 3, 4), it.sorted()) }
        assertTrue(orders.distinct().size > 1)
        assertContentEquals(crops.read(0), crops.read(0))
    }
}
