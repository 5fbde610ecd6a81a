package org.tinyaudiossl.demo.federation

import android.content.Context
import android.graphics.Canvas
import android.util.AttributeSet
import android.view.View
import kotlin.math.ceil
import org.tinyaudiossl.demo.CanvasSurface
import org.tinyaudiossl.demo.drawing.Overview
import org.tinyaudiossl.demo.drawing.OverviewScene
import org.tinyaudiossl.demo.palette

/** Shows an [Overview]; what it looks like is in `drawing`. */
class OverviewView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val scene = OverviewScene(palette)
    private val surface = CanvasSurface(this)

    var overview = Overview("", false, emptyList())
        set(value) {
            field = value
            contentDescription = (listOf(value.title) + value.bars.map { it.label }).joinToString()
            requestLayout()
            invalidate()
        }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val height = ceil(scene.height(surface, overview.bars.size)).toInt()
        setMeasuredDimension(MeasureSpec.getSize(widthMeasureSpec), height)
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        scene.draw(surface.on(canvas), overview)
    }
}
