package org.tinyaudiossl.federated.device

import java.io.File
import java.io.IOException
import java.nio.file.Files
import kotlin.math.abs
import kotlin.math.sqrt
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class LocalPrivacyTest {
    private val folder = Files.createTempDirectory("privacy").toFile()
    private val zeros = FloatArray(100_000)

    @Test
    fun noiseHasItsDeviationAndIsNeverTheSame() {
        val privacy = LocalPrivacy(folder, maxReleases = 2)
        val noise = privacy.protect(zeros, clippingNorm = 0.5, noiseMultiplier = 3.0)
        val deviation = sqrt(noise.sumOf { it.toDouble() * it } / noise.size)
        assertTrue(abs(deviation / 1.5 - 1) < 0.02, "$deviation") // five standard errors are 0.011
        assertTrue(abs(noise.average()) < 0.03)
        val other = privacy.protect(zeros, clippingNorm = 0.5, noiseMultiplier = 3.0)
        assertTrue(noise.indices.count { noise[it] == other[it] } < 10)
    }

    @Test
    fun longUpdatesAreClippedAndShortOnesAreNot() {
        for ((length, expected) in listOf(10f to 2f, 1f to 1f)) {
            val update = FloatArray(2).also { it[0] = length }
            val found = LocalPrivacy(folder, 9).protect(update, clippingNorm = 2.0, noiseMultiplier = 1e-6)
            assertEquals(expected, found[0], 1e-4f)
        }
    }

    @Test
    fun theCountOutlivesTheProgramAndEndsReleases() {
        repeat(3) { LocalPrivacy(folder, 3).protect(zeros, 1.0, 1.0) }
        val last = LocalPrivacy(folder, 3)
        assertEquals(3, last.releases)
        val refusal = assertFailsWith<RunRefusedException> { last.protect(zeros, 1.0, 1.0) }
        assertEquals("this device has released 3 updates, as many as its user allows", refusal.message)
        assertEquals(3, last.releases)
    }

    @Test
    fun nothingIsReleasedWithoutNoiseOrWithABrokenCount() {
        val privacy = LocalPrivacy(folder, 3)
        assertFailsWith<RunRefusedException> { privacy.protect(zeros, 1.0, 0.0) }
        assertEquals(0, privacy.releases)
        File(folder, "releases").writeText("many")
        assertFailsWith<IOException> { privacy.protect(zeros, 1.0, 1.0) }
    }
}
