package org.tinyaudiossl.demo

import android.media.AudioRecord
import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.io.path.createTempDirectory
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.sin
import kotlin.test.AfterTest
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.tinyaudiossl.encoder.Artifact
import org.tinyaudiossl.encoder.ClipStore
import org.tinyaudiossl.encoder.InferenceEngine
import org.tinyaudiossl.encoder.Prototypes
import org.tinyaudiossl.encoder.SoundsException
import org.tinyaudiossl.encoder.Tensor
import org.tinyaudiossl.encoder.TinyAudioEncoder
import org.tinyaudiossl.encoder.rms

/** The microphone and the ear, with a device's microphone that is made up. */
class EarTest {
    private val folder = createTempDirectory("ear").toFile()
    private val clips = ClipStore(File(folder, "clips"))

    @BeforeTest
    fun device() = accept(16_000)

    @AfterTest
    fun tidy() {
        folder.deleteRecursively()
        assertEquals(0, AudioRecord.inUse.get(), "the microphone is not released")
    }

    private fun accept(vararg rates: Int, initialized: Set<Int> = rates.toSet(), endS: Int = Int.MAX_VALUE) {
        AudioRecord.accepted = rates.toSet()
        AudioRecord.initialized = initialized
        AudioRecord.endS = endS
    }

    /** What the microphone gives at 16 kHz, [count] samples of it; or why it gives nothing. */
    private fun record(count: Int): Pair<FloatArray, String?> {
        val heard = ArrayList<Float>()
        var why: String? = null
        val done = CountDownLatch(1)
        val onSound = { pcm: FloatArray, n: Int ->
            for (i in 0 until n) heard += pcm[i]
            if (heard.size >= count) done.countDown()
        }
        val microphone = Microphone(16_000, onSound) {
            why = it
            done.countDown()
        }
        microphone.start()
        assertTrue(done.await(30, TimeUnit.SECONDS))
        microphone.stop()
        return heard.take(count).toFloatArray() to why
    }

    @Test
    fun `a device without 16 kHz is asked for other rates, and resampled`() {
        accept(48_000, 44_100)
        val resampled = record(8_000).first
        accept(16_000, 44_100, initialized = setOf(44_100)) // it says that it has 16 kHz, and has not
        val fallen = record(8_000).first
        for (n in 1_000 until 8_000) {
            val tone = 0.5 * sin(2 * PI * AudioRecord.TONE_HZ * n / 16_000)
            assertTrue(abs(tone - resampled[n]) < 1e-3 && abs(tone - fallen[n]) < 1e-3, "$n")
        }
    }

    @Test
    fun `a device without any rate, or whose microphone is taken away, is told of`() {
        accept()
        assertContains(record(1).second!!, "no sample rate")
        accept(16_000, endS = 1)
        assertContains(record(99_999).second!!, "-6")
    }

    /** Embeds as the level of what it hears and one. */
    private class Level : InferenceEngine {
        override val runtime = "test"
        override val runtimeVersion = "0"
        override val inputShapes = null
        override fun run(inputs: List<Tensor>) = listOf(floatArrayOf(rms(inputs[0].data), 1f))
        override fun close() = Unit
    }

    private fun ear(): Ear {
        val shape = listOf(1L, 1_600L)
        val artifact = Artifact(
            "a", "hash", 0, "onnxruntime", "fp32", "waveform", shape, listOf("embedding"), 2, 1_600, emptyList(),
        )
        return Ear(TinyAudioEncoder(artifact, Level()), File(folder, "sounds.json"), clips)
    }

    private fun Ear.hear(packets: Int) {
        val left = CountDownLatch(packets)
        onHeard = left::countDown
        start()
        assertTrue(left.await(30, TimeUnit.SECONDS))
    }

    @Test
    fun `a sound that is taught is recognized, also after a new start, until listening ends`() {
        ear().use { ear ->
            ear.hear(3)
            assertNull(ear.match)
            ear.beginTeaching()
            ear.hear(3)
            ear.sounds = ear.sounds.taught("tone", assertNotNull(ear.endTeaching()))
        }
        ear().use { ear ->
            ear.hear(3)
            val match = assertNotNull(ear.match)
            assertEquals("tone" to true, match.name to match.known)
            ear.stop()
            assertNull(ear.match)
            assertFalse(ear.listening)
        }
    }

    @Test
    fun `sounds of a file are added, and those of another encoder are refused`() {
        ear().use { ear ->
            ear.sounds = ear.sounds.taught("tone", floatArrayOf(1f, 0f))
            val file = Prototypes("hash").taught("tone", floatArrayOf(1f, 0f)).taught("bell", floatArrayOf(0f, 1f))
            assertEquals(2, ear.importSounds(file.withThreshold(0.5f).toJson()))
            assertEquals(mapOf("tone" to 2, "bell" to 1), ear.sounds.counts)
            assertEquals(0.5f, ear.sounds.threshold)
            val other = file.toJson().replace("hash", "other")
            assertFailsWith<SoundsException> { ear.importSounds(other) }
            assertEquals(mapOf("tone" to 2, "bell" to 1), ear.sounds.counts)
        }
    }

    @Test
    fun `what is taught ends with listening, and without sound there is nothing`() {
        ear().use { ear ->
            ear.beginTeaching()
            assertNull(ear.endTeaching())
            ear.beginTeaching()
            ear.hear(3)
            ear.stop()
            assertNull(ear.endTeaching())
        }
    }

    @Test
    fun `clips are kept only if that was switched on`() {
        ear().use { ear ->
            ear.hear(40) // four seconds
            ear.stop()
            assertEquals(0, clips.count)
            ear.keepsClips = true
            ear.hear(40)
            ear.stop()
            assertEquals(1, clips.count)
            assertEquals(1, ear.keptClips)
        }
    }
}
