package org.tinyaudiossl.encoder

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.sqrt

/**
 * How embeddings are compared: by cosine distance, 0..2. [Background] also knows what all kinds of
 * sound are like. The same as in tiny_audio_ssl/embedding/comparison.py.
 */
open class Comparison(val mostOfSecond: Float = 0.8f) {
    /** The size of an embedding; null for any size. */
    open val dim: Int? = null

    /** An embedding as it is compared: of unit length. */
    open fun cleaned(embedding: FloatArray): FloatArray = unit(embedding)

    /** What the distances of a cleaned embedding are divided by. */
    open fun crowding(cleaned: FloatArray): Float = 1f

    companion object {
        /** The largest distance of a known sound. Measured: benchmarks/results/few_shot.csv. */
        const val LIMIT = 0.18f
    }
}

/**
 * Weakens the [directions] in which embeddings change within any recording, and divides distances by
 * the mean of those to the [nearest] of a background of sounds, over [scale].
 *
 * [rows] are the directions, and then the sounds.
 */
class Background(
    private val rows: List<FloatArray>,
    private val directions: Int,
    private val nearest: Int,
    private val scale: Float,
    mostOfSecond: Float,
) : Comparison(mostOfSecond) {
    override val dim = rows.first().size

    override fun cleaned(embedding: FloatArray): FloatArray {
        val left = embedding.copyOf()
        for (row in rows.take(directions)) { // they are orthogonal
            val part = dot(row, embedding)
            for (i in left.indices) left[i] -= part * row[i]
        }
        return unit(left)
    }

    override fun crowding(cleaned: FloatArray): Float {
        val distances = rows.drop(directions).map { 1 - dot(cleaned, it) }.sorted()
        return maxOf(distances.take(nearest).average().toFloat(), TINY) / scale
    }

    companion object {
        private const val TINY = 1e-6f

        /**
         * Reads what [about] describes, in the folder of the manifest.
         * @throws ManifestException the file is missing, cut short or altered.
         */
        fun open(folder: File, about: BackgroundFile): Background {
            val file = File(folder, about.file)
            checkFile(file, about.bytes, about.sha256)
            val bytes = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
            val count = about.directions + about.sounds
            val scales = FloatArray(count) { bytes.getFloat() }
            val rows = scales.map { scale -> FloatArray(about.dim) { bytes.get() * scale } }
            return Background(rows, about.directions, about.nearest, about.scale, about.mostOfSecond)
        }
    }
}

internal fun unit(vector: FloatArray): FloatArray {
    val length = sqrt(dot(vector, vector))
    return if (length == 0f) vector else FloatArray(vector.size) { vector[it] / length }
}

internal fun dot(a: FloatArray, b: FloatArray): Float {
    require(a.size == b.size) { "${a.size} and ${b.size} dimensions" }
    var sum = 0f
    for (i in a.indices) sum += a[i] * b[i]
    return sum
}
