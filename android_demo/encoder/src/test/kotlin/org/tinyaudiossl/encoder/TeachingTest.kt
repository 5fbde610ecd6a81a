package org.tinyaudiossl.encoder

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertNull

class TeachingTest {
    @Test
    fun `an example is the mean of what was loud enough`() {
        val teaching = Teaching()
        assertNull(teaching.example())
        teaching.add(floatArrayOf(9f, 9f), level = 0.01f)
        teaching.add(floatArrayOf(1f, 0f), level = 0.5f)
        teaching.add(floatArrayOf(0f, 1f), level = 0.25f)
        assertContentEquals(floatArrayOf(0.5f, 0.5f), teaching.example())
    }

    @Test
    fun `the present is the mean of the last moments, the loud ones above all`() {
        val present = Present(moments = 2)
        assertContentEquals(floatArrayOf(4f, 0f), present.add(floatArrayOf(4f, 0f), level = 0f))
        assertContentEquals(floatArrayOf(1f, 3f), present.add(floatArrayOf(1f, 3f), level = 0.3f), 1e-4f)
        assertContentEquals(floatArrayOf(1.75f, 2.25f), present.add(floatArrayOf(4f, 0f), level = 0.1f), 1e-4f)
        present.reset()
        assertContentEquals(floatArrayOf(7f, 7f), present.add(floatArrayOf(7f, 7f), level = 0.1f))
    }

    private fun assertContentEquals(expected: FloatArray, actual: FloatArray, tolerance: Float) {
        assertEquals(expected.size, actual.size)
        for (i in expected.indices) assertEquals(expected[i], actual[i], tolerance)
    }

    @Test
    fun `levels are root mean squares`() {
        assertEquals(0.5f, rms(floatArrayOf(0.5f, -0.5f, Float.NaN), 2))
        assertEquals(0f, rms(FloatArray(0)))
    }

    @Test
    fun `a clip is kept at its time, if there was sound`() {
        val folder = createTempDirectory("clips").toFile()
        try {
            val store = ClipStore(File(folder, "clips"))
            val recorder = ClipRecorder(store, sampleRateHz = 100, clipS = 1, everyS = 2)
            val loud = FloatArray(7) { 0.1f }
            repeat(43) { recorder.push(loud) } // 301 samples: clips at 100 and 300
            assertEquals(2, store.count)
            recorder.reset()
            repeat(43) { recorder.push(FloatArray(7)) }
            assertEquals(2, store.count)
        } finally {
            folder.deleteRecursively()
        }
    }
}
