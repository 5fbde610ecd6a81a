package org.tinyaudiossl.encoder

import java.io.ByteArrayInputStream
import java.io.File
import javax.sound.sampled.AudioSystem
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals

class ClipStoreTest {
    private val folder = createTempDirectory("clips").toFile()
    private val day = 86_400_000L
    private var now = 100 * day
    private val store = ClipStore(File(folder, "clips"), maxClips = 3, maxAgeDays = 2) { now }

    @AfterTest
    fun tidy() {
        folder.deleteRecursively()
    }

    @Test
    fun `a clip is a WAV file that others read`() {
        val clip = store.keep(floatArrayOf(0f, 0.5f, -1f, 2f), 16_000)
        val read = AudioSystem.getAudioInputStream(ByteArrayInputStream(clip.readBytes()))
        assertEquals(16_000f, read.format.sampleRate)
        assertEquals(1, read.format.channels)
        val bytes = read.readAllBytes()
        val samples = (bytes.indices step 2).map { (bytes[it + 1].toInt() shl 8) or (bytes[it].toInt() and 0xff) }
        assertEquals(listOf(0, 16_384, -32_768, 32_767), samples)
    }

    @Test
    fun `the oldest go, by number and by age, and all on request`() {
        repeat(5) { store.keep(FloatArray(10), 16_000) } // within the same millisecond
        assertEquals(3, store.count)
        assertEquals(3 * (44L + 20), store.bytes)
        now += 2 * day + 10
        store.prune()
        assertEquals(0, store.count)
        store.keep(FloatArray(10), 16_000)
        File(folder, "clips/notes.txt").writeText("not ours")
        store.deleteAll()
        assertEquals(0, store.count)
        assertEquals(listOf("notes.txt"), File(folder, "clips").list()!!.toList())
    }

    @Test
    fun `what was cut off half written is not counted, and goes`() {
        store.keep(FloatArray(10), 16_000)
        File(folder, "clips/123.part").writeText("half")
        assertEquals(1, store.count)
        store.prune()
        assertEquals(1, File(folder, "clips").list()!!.size)
    }
}
