package org.tinyaudiossl.federated.device

import java.io.File
import java.io.IOException
import org.tinyaudiossl.federated.littleEndianFloats
import org.tinyaudiossl.federated.toLittleEndian
import org.tinyaudiossl.federated.writeAtomically

/**
 * Encode updates, and keep the rounding errors: they are added to the next update, so that nothing
 * is lost for good (Karimireddy et al. 2019, arXiv 1901.09847, algorithm 2). They are in a file for
 * each series of runs, and outlive this program.
 *
 * @param folder exists.
 */
class ErrorFeedback(private val folder: File) {

    /**
     * Encode an update together with the errors of earlier ones.
     * @throws IOException the error can't be kept, so that the update must not be sent.
     * @throws RunRefusedException the update is not finite, or its encoding is not; no error is kept.
     */
    fun encode(update: FloatArray, encoding: Encoding, seriesId: Long): EncodedUpdate {
        if (update.any { !it.isFinite() }) {
            throw RunRefusedException(
                "the update is not finite: training diverged, or a clip is broken",
                Reason.DIVERGED,
            )
        }
        if (encoding == Encoding.FLOAT32) return UpdateEncoding.encode(update, encoding)
        val file = File(folder, "rounding-${seriesId.toULong()}.f32")
        val kept = read(file, update.size)
        val wanted = FloatArray(update.size) { update[it] + kept[it] }
        val encoded = UpdateEncoding.encode(wanted, encoding)
        if (encoded.decoded.any { !it.isFinite() }) {
            throw RunRefusedException(
                "the update has values beyond the range of ${encoding.name.lowercase()}",
                Reason.DIVERGED,
            )
        }
        val errors = FloatArray(update.size) { wanted[it] - encoded.decoded[it] }
        file.writeAtomically(errors.toLittleEndian())
        return encoded
    }

    /** Return the kept errors: zeros if there is no file, or one of another model. */
    private fun read(file: File, size: Int): FloatArray {
        val isOfThisModel = file.length() == Float.SIZE_BYTES.toLong() * size
        return if (isOfThisModel) file.readBytes().littleEndianFloats() else FloatArray(size)
    }
}
