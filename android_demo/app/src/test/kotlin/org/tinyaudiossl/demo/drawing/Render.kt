package org.tinyaudiossl.demo.drawing

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.imageio.ImageIO
import javax.xml.parsers.DocumentBuilderFactory
import org.tinyaudiossl.encoder.Prototypes
import org.tinyaudiossl.encoder.Teaching
import org.tinyaudiossl.encoder.TinyAudioEncoder
import org.tinyaudiossl.encoder.rms

/**
 * `Render OUT RES ARTIFACT PCM NAME`: what the app's view shows after a recording whose first two
 * seconds were taught as NAME, in its languages, light and dark, with usual and large text.
 */
fun main(arguments: Array<String>) {
    val (out, res, artifact, pcm) = arguments.map(::File)
    val history = History()
    val teaching = Teaching()
    var last = FloatArray(0)
    TinyAudioEncoder.open(artifact.absoluteFile.parentFile, artifact.name).use { encoder ->
        for (packet in samples(pcm).toList().chunked(1600).map { it.toFloatArray() }) {
            history.addLevel(rms(packet))
            for (found in encoder.push(packet)) {
                history.addEmbedding(found.vector)
                if (found.endSample <= 32_000) teaching.add(found.vector, rms(packet))
                last = found.vector
            }
        }
    }
    val sounds = Prototypes("").taught(arguments[4], teaching.example()!!)
    val pictures = listOf(
        Picture("en-light", "values", Palette.LIGHT, 0xFFF7F8FA.toInt(), 1f),
        Picture("de-dark", "values-de", Palette.DARK, 0xFF14171B.toInt(), 1f),
        Picture("es-large", "values-es", Palette.LIGHT, 0xFFF7F8FA.toInt(), 1.6f),
    )
    for (picture in pictures) {
        val texts = strings(File(res, "${picture.values}/strings.xml"))
        val match = sounds.nearest(last)!!
        val live = Live(
            title = if (match.known) match.name else texts.getValue("unknown"),
            detail = texts.getValue("distance").format(match.distance, sounds.threshold),
            closeness = 1 - match.distance,
            limit = 1 - sounds.threshold,
            known = match.known,
            levels = history.levels(),
            columns = history.columns(),
            levelLabel = texts.getValue("level"),
            embeddingLabel = texts.getValue("embedding"),
        )
        val surface = ImageSurface(360, 340, fontScale = picture.fontScale)
        surface.fill(picture.background)
        LiveScene(picture.palette).draw(surface, live)
        ImageIO.write(surface.image, "png", File(out, "live-${picture.name}.png"))
    }
}

private class Picture(
    val name: String,
    val values: String,
    val palette: Palette,
    val background: Int,
    val fontScale: Float,
)

private fun samples(file: File): FloatArray {
    val floats = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(floats.remaining()).also { floats.get(it) }
}

private fun strings(file: File): Map<String, String> {
    val document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file)
    val nodes = document.getElementsByTagName("string")
    return (0 until nodes.length).map(nodes::item)
        .associate { it.attributes.getNamedItem("name").nodeValue to it.textContent.replace("\\'", "'") }
}
